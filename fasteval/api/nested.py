"""What stands in nested mappings and lists, as YAML and JSON have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["texts_in"]


def texts_in(value: Any) -> Iterator[str]:
    """Yields the texts in a value, at any depth, in the order in which they stand; keys are not among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from texts_in(entry)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from texts_in(entry)
