"""Which metrics a task gets whose file names none."""

from __future__ import annotations

from fasteval.errors import UnknownNameError

__all__ = ["DEFAULT_METRICS", "default_metrics"]

#: Output type -> metrics, as in lm-eval and lmms-eval.
DEFAULT_METRICS: dict[str, tuple[str, ...]] = {
    "loglikelihood": ("perplexity", "acc"),
    "loglikelihood_rolling": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
    "multiple_choice": ("acc", "acc_norm"),
    "generate_until": ("exact_match",),
    "generate_until_multi_round": ("exact_match",),
}


def default_metrics(output_type: str) -> tuple[str, ...]:
    """Returns the metrics of tasks of `output_type` that name none.

    Raises:
        UnknownNameError: there is no such output type.
    """
    try:
        return DEFAULT_METRICS[output_type]
    except KeyError:
        raise UnknownNameError("output type", output_type, DEFAULT_METRICS) from None
