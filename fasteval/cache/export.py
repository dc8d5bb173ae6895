"""A cache's answers as lines of JSON that need no knowledge of its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from fasteval.cache.entries import check_model, entries, is_of_model
from fasteval.cache.value import fields_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["exported_lines"]


def exported_lines(folder: Path, model: str | None = None) -> Iterator[bytes]:
    """Yields one JSON object an answer: `key` in hex digits, `model`, `fingerprint`, and the fields of the response.

    Args:
        folder: the cache.
        model: only answers of this model: its name, or its fingerprint's first digits (at least 6).

    Raises:
        UnknownNameError: the cache has none of that model.
    """
    check_model(folder, model)
    seen: set[bytes] = set()
    for entry in entries(folder):
        if entry.key in seen:
            continue
        seen.add(entry.key)
        if model is None or is_of_model(entry.about, model):
            head = {name: entry.about.get(name) for name in ("model", "fingerprint")}
            yield orjson.dumps({"key": entry.key.hex(), **head, **fields_of(entry.value)})
