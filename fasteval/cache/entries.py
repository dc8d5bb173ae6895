"""What is in a cache, line by line, for those who look after it. Runs look keys up instead (`ResponseCache`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from fasteval.cache.folder import segment_paths
from fasteval.cache.line import decode_line, is_about
from fasteval.cache.segment import is_being_written, read_about
from fasteval.cache.value import fields_of, written_at
from fasteval.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

__all__ = ["Damage", "Entry", "check_model", "damage", "entries", "exported_lines", "is_of_model", "newest"]

_NANOSECONDS = 10**9
# The name of whatever does not say what it is of.
_UNKNOWN = "unknown"


class Entry(NamedTuple):
    """One undamaged line.

    Attributes:
        key: 16 bytes.
        value: the response as JSON.
        about: what its segment says of the model; empty where it says nothing.
        written: seconds since 1970.
        length: bytes of the line.
    """

    key: bytes
    value: bytes
    about: dict[str, Any]
    written: float
    length: int


class Damage(NamedTuple):
    """One damaged line: where it is, and its bytes."""

    path: Path
    offset: int
    length: int


def entries(folder: Path, damaged: Callable[[Damage], None] = lambda _: None) -> Iterator[Entry]:
    """Yields the undamaged lines of all segments, the newest segment first; each damaged one is told to `damaged`."""
    for path in reversed(segment_paths(folder)):
        about, made = read_about(path), _made_at(path)
        may_be_torn = is_being_written(path)
        offset = 0
        with path.open("rb") as file:
            for line in file:
                decoded = decode_line(line)
                if decoded is None:
                    if line.endswith(b"\n") or not may_be_torn:
                        damaged(Damage(path, offset, len(line)))
                elif not is_about(*decoded):
                    key, value = decoded
                    yield Entry(key, value, about, written_at(value) or made, len(line))
                offset += len(line)


def damage(folder: Path) -> list[Damage]:
    """Returns the damaged lines of a cache. Reads all of it, and believes no index."""
    found: list[Damage] = []
    for _ in entries(folder, found.append):
        pass
    return found


def newest(folder: Path) -> Iterator[Entry]:
    """Yields the newest undamaged line of each key."""
    seen: set[bytes] = set()
    for entry in entries(folder):
        if entry.key not in seen:
            seen.add(entry.key)
            yield entry


def exported_lines(folder: Path, model: str | None = None) -> Iterator[bytes]:
    """Yields one JSON object an answer: `key` in hex digits, `model`, `fingerprint`, and the fields of the response.

    Args:
        folder: the cache.
        model: only answers of this model: its name, or its fingerprint's first digits (at least 6).

    Raises:
        UnknownNameError: the cache has none of that model.
    """
    check_model(folder, model)
    for entry in newest(folder):
        if model is None or is_of_model(entry.about, model):
            head = {name: entry.about.get(name) for name in ("model", "fingerprint")}
            yield orjson.dumps({"key": entry.key.hex(), **head, **fields_of(entry.value)})


def check_model(folder: Path, model: str | None) -> None:
    """Makes sure that the cache has answers of the model, if one is named.

    Raises:
        UnknownNameError: it has none.
    """
    if model is None:
        return
    abouts = [read_about(path) for path in segment_paths(folder)]
    if not any(is_of_model(about, model) for about in abouts):
        known = {str(about.get("model", _UNKNOWN)) for about in abouts}
        raise UnknownNameError("model", model, known, "see `fasteval cache stats`")


def is_of_model(about: Mapping[str, Any], model: str) -> bool:
    """Whether a segment is of the model with this name, or whose fingerprint begins so (at least 6 digits)."""
    name, fingerprint = str(about.get("model", _UNKNOWN)), str(about.get("fingerprint", ""))
    return model == name or (len(model) >= 6 and fingerprint.startswith(model))


def _made_at(path: Path) -> float:
    """Returns the seconds since 1970 at which a segment was begun, as its name says; 0 for names of other forms."""
    digits = path.name.partition("-")[0]
    return int(digits) / _NANOSECONDS if digits.isascii() and digits.isdecimal() else 0.0
