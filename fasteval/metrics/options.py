"""Checks a task file's options for a metric before anything is computed with them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from fasteval.api.registry import METRICS
from fasteval.errors import UnknownNameError, UsageError
from fasteval.metrics.text_matching import compile_patterns

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_options"]

#: What the evaluation passes to a metric itself.
_DATA = frozenset({"references", "predictions", "items"})


def check_options(metric: str, options: Mapping[str, Any]) -> None:
    """Refuses options that the registered metric does not have, and regular expressions that are none.

    Raises:
        UnknownNameError: there is no such metric, or it has no such option; the text offers the nearest one.
        UsageError: `regexes_to_ignore` is not a list of regular expressions.
    """
    parameters = inspect.signature(METRICS.get(metric).function).parameters.values()
    if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        names = [parameter.name for parameter in parameters if parameter.name not in _DATA]
        for option in options:
            if option not in names:
                raise UnknownNameError(f"option of the metric {metric}", option, names)
    patterns = options.get("regexes_to_ignore")
    if patterns is not None:
        if not isinstance(patterns, list | tuple):
            raise UsageError(f"metric {metric}: regexes_to_ignore must be a list, got {patterns!r}")
        compile_patterns(tuple(patterns))
