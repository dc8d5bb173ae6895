"""What a task file may say of metrics, checked before anything is computed; and what it gets where it says nothing."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from fasteval.api.registry import METRICS
from fasteval.errors import UnknownNameError, UsageError, check_names
from fasteval.metrics.text_matching import compile_patterns

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEFAULT_METRICS", "check_options", "default_metrics"]

#: Output type -> metrics, as in lm-eval and lmms-eval.
DEFAULT_METRICS: dict[str, tuple[str, ...]] = {
    "loglikelihood": ("perplexity", "acc"),
    "loglikelihood_rolling": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
    "multiple_choice": ("acc", "acc_norm"),
    "generate_until": ("exact_match",),
    "generate_until_multi_round": ("exact_match",),
}

#: What the evaluation passes to a metric itself.
_DATA = frozenset({"references", "predictions", "items"})


def default_metrics(output_type: str) -> tuple[str, ...]:
    """Returns the metrics of tasks of `output_type` that name none.

    Raises:
        UnknownNameError: there is no such output type.
    """
    try:
        return DEFAULT_METRICS[output_type]
    except KeyError:
        raise UnknownNameError("output type", output_type, DEFAULT_METRICS) from None


def check_options(metric: str, options: Mapping[str, Any]) -> None:
    """Refuses options that the registered metric does not have, and regular expressions that are none.

    Raises:
        UnknownNameError: there is no such metric, or it has no such option; the text offers the nearest one.
        UsageError: `regexes_to_ignore` is not a list of regular expressions.
    """
    parameters = inspect.signature(METRICS.get(metric).function).parameters.values()
    if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        names = [parameter.name for parameter in parameters if parameter.name not in _DATA]
        check_names(f"option of the metric {metric}", options, names)
    patterns = options.get("regexes_to_ignore")
    if patterns is not None:
        if not isinstance(patterns, list | tuple):
            raise UsageError(f"metric {metric}: regexes_to_ignore must be a list, got {patterns!r}")
        compile_patterns(tuple(patterns))
