"""Texts of models and data sets, made safe to show: nothing in them can move the cursor or hide what follows."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["printable", "printable_json", "printable_lines", "xml_text"]

# Control, format (bidirectional overrides, zero-width) and surrogate characters: none of them has a place in one line.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs"})
# Everything but what XML 1.0 calls a character.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def printable(text: object, max_length: int | None = None) -> str:
    """Returns `text` as one line without control characters, cut with an ellipsis at `max_length` characters."""
    line = _without_controls(" ".join(str(text).split()))
    if max_length is not None and len(line) > max_length:
        return line[: max_length - 1] + "…"
    return line


def printable_lines(text: str) -> str:
    """Returns `text` without control characters; its lines and their indentation stay."""
    return "\n".join(_without_controls(line.replace("\t", "    ")) for line in text.split("\n"))


def printable_json(text: str) -> str:
    """Returns JSON with its control and format characters escaped: the same values, and lines that show as they are."""
    return "\n".join(line if line.isprintable() else "".join(map(_escaped, line)) for line in text.split("\n"))


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _UNPRINTABLE:
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))


def xml_text(text: str) -> str:
    """Returns `text` with U+FFFD for each character that XML cannot hold; a writer of XML still has to escape it."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _without_controls(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(character for character in line if unicodedata.category(character) not in _UNPRINTABLE)
