"""`FilterPipeline`: the filters of one `filter_list` entry, run one after the other."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fasteval.api.registry import FILTERS
from fasteval.errors import TaskError, UsageError, check_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fasteval.filters.base import Filter

__all__ = ["FilterPipeline", "build_filter"]


@dataclass(frozen=True, slots=True)
class FilterPipeline:
    """Named filters in order; the name is the second half of a result's key, as in `exact_match,flexible-extract`.

    Attributes:
        name: the name of the `filter_list` entry.
        filters: what is applied, in order.
    """

    name: str
    filters: tuple[Filter, ...]

    @classmethod
    def from_config(cls, name: str, entries: Sequence[Mapping[str, Any]]) -> FilterPipeline:
        """Returns the pipeline of a task file's entry: `[{"function": name or class, option: value, …}, …]`.

        Raises:
            UsageError: an entry has no `function`, or a filter refuses its options.
        """
        filters = []
        for entry in entries:
            options = dict(entry)
            if "function" not in options:
                raise UsageError(f"filter '{name}': an entry has no 'function': {entry!r}")
            filters.append(build_filter(options.pop("function"), options))
        return cls(name, tuple(filters))

    @property
    def per_document(self) -> bool:
        """Whether every filter treats each document by itself, so that none has to wait for the others' answers."""
        # A class that somebody else wrote need not derive from ours.
        return all(getattr(step, "per_document", False) for step in self.filters)

    def apply(self, resps: Sequence[Sequence[Any]], docs: Sequence[dict[str, Any]]) -> list[Any]:
        """Returns for each request what the filters leave of its answers.

        Args:
            resps: for each request the list of its answers.
            docs: for each request its document.

        Raises:
            TaskError: a filter returned more or fewer items than there are requests.
        """
        filtered: list[Any] = list(resps)
        for step in self.filters:
            filtered = list(step.apply(filtered, docs))
            if len(filtered) != len(resps):
                raise TaskError(
                    f"filter '{self.name}': {type(step).__name__} returned {len(filtered)} items for "
                    f"{len(resps)} requests; a filter must keep their number"
                )
        return filtered


def build_filter(function: str | type, options: Mapping[str, Any]) -> Filter:
    """Returns a filter.

    Args:
        function: a registered name, or a class (as `!function` gives it).
        options: the constructor's keyword arguments.

    Raises:
        UnknownNameError: no filter has that name, or the filter no such option.
        UsageError: an option that the filter needs is missing, or has a value that it refuses.
    """
    cls, name = (FILTERS.get(function), function) if isinstance(function, str) else (function, function.__name__)
    parameters = inspect.signature(cls).parameters.values()
    takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
    names = [parameter.name for parameter in parameters if parameter.kind not in _VARIADIC]
    if not takes_any:
        check_names(f"option of the filter {name}", options, names)
    for parameter in parameters:
        is_required = parameter.default is inspect.Parameter.empty and parameter.kind not in _VARIADIC
        if is_required and parameter.name not in options:
            raise UsageError(f"the filter {name} needs the option '{parameter.name}'")
    built: Filter = cls(**options)
    return built


_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
