"""`lm_eval.api.registry`: names for filters, metrics and aggregations that task code adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasteval.api.registry import AGGREGATIONS, FILTERS, METRICS, register_aggregation, register_metric
from fasteval.api.registry import register_filter as _register_filter

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["get_aggregation", "get_filter", "get_metric", "register_aggregation", "register_filter", "register_metric"]


def register_filter(name: str) -> Callable[[Any], Any]:
    """Returns a decorator that registers a filter; a name that is taken already keeps its first class.

    A task's module is run once for each reference to it, so the same class comes again and again.
    """
    return (lambda cls: cls) if name in FILTERS else _register_filter(name)


def get_metric(name: str, **_: Any) -> Any:
    """Returns the metric's function."""
    return METRICS.get(name).function


def get_aggregation(name: str) -> Any:
    """Returns the aggregation."""
    return AGGREGATIONS.get(name)


def get_filter(name: str) -> Any:
    """Returns the filter's class; what is no name is returned as it is."""
    return FILTERS.get(name) if isinstance(name, str) else name
