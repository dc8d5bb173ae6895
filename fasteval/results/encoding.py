"""Any value becomes JSON: what has no JSON form is described, and never stops a results file from being written."""

from __future__ import annotations

import hashlib
import inspect
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from pathlib import PurePath
from typing import Any

import orjson

from fasteval.results.redaction import without_secrets

__all__ = ["as_texts", "document_hash", "json_lines", "text_hash", "to_json", "without_media"]

_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
_LINE, _LINES = _OPTIONS | orjson.OPT_APPEND_NEWLINE, 32
_MAX_DEPTH = 100
_MAX_DESCRIPTION = 1000
_MEDIA_KEYS = ({"bytes", "path"}, {"array", "sampling_rate"})
_DROPPED = object()
_PLAIN = (str, int, float)
# What most values are, told at once.
_ATOMS, _TEXT = frozenset({str, int, float, bool, type(None)}), frozenset({str})
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_DESCRIPTIONS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (Mapping, dict),
    (Set, lambda value: sorted(value, key=repr)),
    (PurePath, str),
    (bytes | bytearray | memoryview, lambda value: f"<{len(value)} bytes>"),
    (Sequence, list),
    (type, lambda value: f"<{value.__module__}.{value.__qualname__}>"),
)


def to_json(value: Any, *, indent: bool = False, sort_keys: bool = False) -> bytes:
    """Returns `value` as JSON.

    NaN and infinities become null. Functions become their source text, bytes their length, other objects their
    description; lone surrogates in texts are replaced. Secrets that this process was given are left out (see
    `redaction`).
    """
    options = _OPTIONS | (orjson.OPT_INDENT_2 if indent else 0) | (orjson.OPT_SORT_KEYS if sort_keys else 0)
    return without_secrets(_encoded(value, options))


def json_lines(values: Iterable[Any]) -> Iterator[bytes]:
    """Yields the values as lines of JSON, many at once; each line is what `to_json` makes of its value."""
    values = iter(values)
    while lines := [_encoded(value, _LINE) for value in itertools.islice(values, _LINES)]:
        yield without_secrets(b"".join(lines))  # a secret has no line break in it


def _encoded(value: Any, options: int) -> bytes:
    try:
        return orjson.dumps(value, default=_describe, option=options)
    except TypeError:  # surrogates, integers beyond 64 bits, odd keys, cycles: rare, and mended one value at a time
        return orjson.dumps(_mend(value, _MAX_DEPTH), default=_describe, option=options)


def without_media(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the document without images, encoded bytes and waveforms, at any depth."""
    if _ATOMS.issuperset(map(type, doc.values())) and _TEXT.issuperset(map(type, doc)):
        return dict(doc)
    kept = {}
    for key, value in doc.items():
        entry = value if type(value) in _ATOMS else _keep(value)
        if entry is not _DROPPED:
            kept[str(key)] = entry
    return kept


def as_texts(values: Sequence[Any]) -> list[Any]:
    """Returns nested lists with every entry as text, as lm-eval and lmms-eval write answers."""
    return [as_texts(value) if isinstance(value, list | tuple) else str(value) for value in values]


def text_hash(text: str) -> str:
    """Returns the SHA-256 of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def document_hash(doc: Mapping[str, Any]) -> str:
    """Returns lm-eval's and lmms-eval's hash of a document, whose media do not count: theirs change at every run."""
    return text_hash(json.dumps(without_media(doc), indent=2, default=str, ensure_ascii=False))


def _keep(value: Any) -> Any:
    if value is None or isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        if any(keys == set(value) for keys in _MEDIA_KEYS):
            return _DROPPED
        return without_media(value)
    if isinstance(value, list | tuple):
        if _ATOMS.issuperset(map(type, value)):
            return list(value)
        kept = [entry for entry in map(_keep, value) if entry is not _DROPPED]
        return _DROPPED if value and not kept else kept
    return _DROPPED if _is_medium(value) else value


def _is_medium(value: Any) -> bool:
    """Whether a value holds pixels, sound or encoded bytes; told without importing what could have made it."""
    if isinstance(value, bytes | bytearray | memoryview):
        return True
    packages = {cls.__module__.partition(".")[0] for cls in type(value).__mro__}
    # An array is taken for pixels or a waveform unless it is as short as a list of boxes or scores.
    is_large = getattr(value, "ndim", 0) > 0 and getattr(value, "size", 0) > 1024
    return is_large or not packages.isdisjoint({"PIL", "torchcodec", "decord", "torchvision"})


def _describe(value: Any) -> Any:
    """Returns what stands for a value that JSON does not know."""
    if isinstance(value, tuple):  # orjson takes tuples, but no classes derived from them
        return tuple(value)
    for types, describe in _DESCRIPTIONS:
        if isinstance(value, types):
            return describe(value)
    if hasattr(value, "tolist"):  # arrays and scalars that orjson does not take
        return value.tolist()
    if inspect.isroutine(value):
        return _source(value)
    # An address would differ from run to run.
    return _ADDRESS.sub("", repr(value))[:_MAX_DESCRIPTION]


def _source(function: Any) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        module = getattr(function, "__module__", None)
        return f"<{module}.{getattr(function, '__qualname__', type(function).__name__)}>"


def _mend(value: Any, depth: int) -> Any:
    """Returns a copy that orjson takes."""
    if depth == 0:
        return f"<{type(value).__name__}, nested too deep>"
    mended = value
    if isinstance(value, str):
        mended = value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    elif isinstance(value, int):
        mended = value if -(2**63) <= value < 2**64 else str(value)
    elif isinstance(value, Mapping):
        mended = {_mend(str(key), depth): _mend(entry, depth - 1) for key, entry in value.items()}
    elif isinstance(value, list | tuple):
        mended = [_mend(entry, depth - 1) for entry in value]
    elif not isinstance(value, float | None):
        mended = _mend(_describe(value), depth - 1)
    return mended
