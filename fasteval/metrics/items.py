"""Metrics whose values the task computes itself, from log-probabilities: their functions pass the values on."""

from __future__ import annotations

from typing import Any

from fasteval.api.registry import register_metric

__all__ = ["pass_through"]

#: Metric -> (aggregation, whether higher is better, output types).
_ITEM_METRICS: dict[str, tuple[str, bool, tuple[str, ...]]] = {
    "acc": ("mean", True, ("loglikelihood", "multiple_choice")),
    "acc_bytes": ("mean", True, ("loglikelihood", "multiple_choice")),
    "acc_norm": ("mean", True, ("loglikelihood", "multiple_choice")),
    "acc_norm_tokens": ("mean", True, ("multiple_choice",)),
    "acc_mutual_info": ("mean", True, ("multiple_choice",)),
    "likelihood": ("mean", True, ("multiple_choice",)),  # for aggregations of a task's own: (right choice, logarithms)
    "margin": ("mean", True, ("multiple_choice",)),
    "acc_all": ("mean", True, ("loglikelihood",)),
    "f1": ("f1", True, ("multiple_choice",)),
    "mcc": ("mcc", True, ("multiple_choice",)),
    "brier_score": ("brier_score", False, ("multiple_choice",)),
    "perplexity": ("perplexity", False, ("loglikelihood",)),
    "word_perplexity": ("weighted_perplexity", False, ("loglikelihood_rolling",)),
    "byte_perplexity": ("weighted_perplexity", False, ("loglikelihood_rolling",)),
    "bits_per_byte": ("bits_per_byte", False, ("loglikelihood_rolling",)),
    "bypass": ("bypass", True, ()),
}


def pass_through(items: Any) -> Any:
    """Returns `items`: the value of one document, as the task computed it and the aggregation wants it."""
    return items


for _name, (_aggregation, _higher, _output_types) in _ITEM_METRICS.items():
    register_metric(metric=_name, higher_is_better=_higher, aggregation=_aggregation, output_type=_output_types)(
        pass_through
    )
