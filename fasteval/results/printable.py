"""Texts of models and data sets, made safe to print: nothing in them can move the cursor or hide what follows."""

from __future__ import annotations

import unicodedata

__all__ = ["printable", "printable_lines"]

# Control, format (bidirectional overrides, zero-width) and surrogate characters: none of them has a place in one line.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs"})


def printable(text: object, max_length: int | None = None) -> str:
    """Returns `text` as one line without control characters, cut with an ellipsis at `max_length` characters."""
    line = _without_controls(" ".join(str(text).split()))
    if max_length is not None and len(line) > max_length:
        return line[: max_length - 1] + "…"
    return line


def printable_lines(text: str) -> str:
    """Returns `text` without control characters; its lines and their indentation stay."""
    return "\n".join(_without_controls(line.replace("\t", "    ")) for line in text.split("\n"))


def _without_controls(line: str) -> str:
    return "".join(character for character in line if unicodedata.category(character) not in _UNPRINTABLE)
