"""Names for what can be extended: metrics, aggregations, filters and models.

A registry imports the module that defines the built-in names on the first look-up, never before, so that importing
fasteval stays cheap and nothing registers twice.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fasteval.api.plugins import load_plugin, plugin_names
from fasteval.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "AGGREGATIONS",
    "FILTERS",
    "METRICS",
    "MODELS",
    "MetricEntry",
    "Registry",
    "register_aggregation",
    "register_filter",
    "register_metric",
    "register_model",
]

Entry = TypeVar("Entry")
Decorated = TypeVar("Decorated")


class Registry(Generic[Entry]):
    """Entries by name; a look-up of an unknown name raises the error that offers the nearest one.

    A name that is not registered may be an entry point of another distribution, which is imported when it is asked for.
    """

    def __init__(self, what: str, builtins: str, *, takes: Callable[[Any], bool]) -> None:
        """Names the kind of entry for messages, and the module whose import registers the built-in ones.

        Args:
            what: "model", "metric", …: "fasteval.models" is then the group of entry points.
            builtins: the module.
            takes: whether the object of an entry point can be an entry as it is.
        """
        self._what, self._group, self._takes = what, f"fasteval.{what}s", takes
        self._builtins: str | None = builtins
        self._entries: dict[str, Entry] = {}

    def add(self, name: str, entry: Entry) -> None:
        """Adds an entry; a name can be given once."""
        if name in self._entries:
            raise UsageError(f"the {self._what} '{name}' is registered already")
        self._entries[name] = entry

    def get(self, name: str) -> Entry:
        """Returns the entry, or raises `UnknownNameError`."""
        self._load_builtins()
        if name not in self._entries:
            self._load_plugin(name)
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownNameError(self._what, name, self.names()) from None

    def __contains__(self, name: object) -> bool:
        """Whether the name is taken."""
        self._load_builtins()
        return name in self._entries or name in plugin_names(self._group)

    def names(self) -> list[str]:
        """Returns all names, sorted; those of entry points too, whose modules are not imported for it."""
        self._load_builtins()
        return sorted({*self._entries, *plugin_names(self._group)})

    def name_of(self, entry: Entry) -> str | None:
        """Returns the name of an entry that somebody holds; None if it is not registered."""
        self._load_builtins()
        return min((name for name, known in self._entries.items() if known is entry), default=None)

    def _load_builtins(self) -> None:
        if self._builtins is not None:
            module, self._builtins = self._builtins, None
            importlib.import_module(module)

    def _load_plugin(self, name: str) -> None:
        """Imports the entry point of that name, if there is one: its decorators register it, or it is the entry."""
        found = load_plugin(self._group, name)
        if found is None or name in self._entries:
            return
        if not self._takes(found):
            raise UsageError(
                f"the entry point '{name}' of {self._group} registers no {self._what} of that name, and is none"
            )
        self._entries[name] = found


@dataclass(frozen=True, slots=True)
class MetricEntry:
    """A metric: the function that scores one document, and how its values are put together.

    Attributes:
        function: called as `function(references=[…], predictions=[…], **options)` for generated texts, and as
            `function(items)` for the values that multiple choice and log-likelihood tasks compute themselves.
        aggregation: name of the default aggregation.
        higher_is_better: direction.
        output_types: the output types that the metric makes sense for; empty means any.
    """

    function: Callable[..., Any]
    aggregation: str
    higher_is_better: bool
    output_types: tuple[str, ...] = ()


METRICS: Registry[MetricEntry] = Registry(
    "metric", "fasteval.metrics.builtin", takes=lambda found: isinstance(found, MetricEntry)
)
AGGREGATIONS: Registry[Callable[[Sequence[Any]], Any]] = Registry(
    "aggregation", "fasteval.metrics.builtin", takes=callable
)
FILTERS: Registry[type] = Registry("filter", "fasteval.filters.builtin", takes=lambda found: isinstance(found, type))
MODELS: Registry[type] = Registry("model", "fasteval.models.named", takes=lambda found: isinstance(found, type))


def register_metric(
    *,
    metric: str,
    higher_is_better: bool = True,
    aggregation: str = "mean",
    output_type: str | Sequence[str] = (),
) -> Callable[[Decorated], Decorated]:
    """Registers the decorated function as a metric, with lm-eval's parameter names."""
    output_types = (output_type,) if isinstance(output_type, str) else tuple(output_type)

    def decorate(function: Decorated) -> Decorated:
        entry = MetricEntry(function, aggregation, higher_is_better, output_types)  # type: ignore[arg-type]  # any callable
        METRICS.add(metric, entry)
        return function

    return decorate


def register_aggregation(name: str) -> Callable[[Decorated], Decorated]:
    """Registers the decorated function, which turns the documents' values into one number."""

    def decorate(function: Decorated) -> Decorated:
        AGGREGATIONS.add(name, function)  # type: ignore[arg-type]  # any callable
        return function

    return decorate


def register_filter(name: str) -> Callable[[Decorated], Decorated]:
    """Registers the decorated `fasteval.filters.Filter` subclass."""

    def decorate(cls: Decorated) -> Decorated:
        FILTERS.add(name, cls)  # type: ignore[arg-type]  # a class
        return cls

    return decorate


def register_model(*names: str) -> Callable[[Decorated], Decorated]:
    """Registers the decorated `LMM` subclass under one or several names."""

    def decorate(cls: Decorated) -> Decorated:
        for name in names:
            MODELS.add(name, cls)  # type: ignore[arg-type]  # a class
        return cls

    return decorate
