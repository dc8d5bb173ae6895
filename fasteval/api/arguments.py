"""`key=value,key=value` strings, as `--model_args` and `--gen_kwargs` take them."""

from __future__ import annotations

from typing import Any

import orjson

from fasteval.errors import UsageError

__all__ = ["parse_arguments"]

_OPEN = {"[": "]", "{": "}", "(": ")"}


def parse_arguments(text: str) -> dict[str, Any]:
    """Returns the arguments of `text`: `a=1,b=[2,3],c="x,y"`, or one JSON object.

    Commas inside quotes or brackets do not separate. Values become bool, int, float, None, or a JSON list or
    object where they look like one; everything else stays text.

    Raises:
        UsageError: an entry has no `=`, or no name before it.
    """
    stripped = text.strip()
    if not stripped:
        return {}
    if stripped.startswith("{"):
        return _parse_object(stripped)
    arguments: dict[str, Any] = {}
    for entry in _split(stripped):
        key, equals, value = entry.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"'{entry.strip()}' is not of the form name=value")
        arguments[key.strip()] = _parse_value(value.strip())
    return arguments


def _parse_object(text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"'{text}' is not a JSON object: {error}") from None
    if not isinstance(value, dict):
        raise UsageError(f"'{text}' is not a JSON object")
    return value


def _split(text: str) -> list[str]:
    """Splits at the commas that stand outside quotes and brackets; drops empty entries."""
    entries, start, closing, quote = [], 0, "", ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in _OPEN:
            closing = _OPEN[character] + closing
        elif closing and character == closing[0]:
            closing = closing[1:]
        elif character == "," and not closing:
            entries.append(text[start:position])
            start = position + 1
    entries.append(text[start:])
    return [entry for entry in entries if entry.strip()]


def _parse_value(text: str) -> Any:
    constants = {"true": True, "false": False, "none": None, "null": None}
    if text.lower() in constants:
        return constants[text.lower()]
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    if text[:1] in ("[", "{"):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
    return text
