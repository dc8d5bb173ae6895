"""A filter that is a function of the task's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasteval.api.registry import register_filter
from fasteval.errors import UsageError
from fasteval.filters.base import Filter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Custom"]


@register_filter("custom")
class Custom(Filter):
    """Hands all answers and documents to `filter_fn`, as lm-eval's filter of this name does."""

    def __init__(self, filter_fn: Callable[..., Any]) -> None:
        """Takes the function, `!function module.name` in the task file.

        Raises:
            UsageError: it cannot be called.
        """
        if not callable(filter_fn):
            raise UsageError(f"filter custom: filter_fn must be !function module.name, got {filter_fn!r}")
        self._filter = filter_fn

    def apply(self, resps: Sequence[Sequence[Any]], docs: Sequence[dict[str, Any]]) -> Sequence[Any]:
        """Returns what the function returns."""
        return list(self._filter(resps, docs))
