"""Tables in Markdown, aligned for those who read them as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["escaped", "markdown_table"]


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()) -> list[str]:
    """Returns the lines of a table; columns named in `right` are aligned to the right. Cells are taken as they are."""
    widths = [max(3, *(len(row[place]) for row in (columns, *rows))) for place in range(len(columns))]
    is_right = [column in right for column in columns]
    rule = ["-" * (width - 1) + (":" if to_right else "-") for width, to_right in zip(widths, is_right, strict=True)]
    lines = []
    for row in (columns, rule, *rows):
        cells = zip(row, widths, is_right, strict=True)
        aligned = (text.rjust(width) if to_right else text.ljust(width) for text, width, to_right in cells)
        lines.append(f"| {' | '.join(aligned)} |")
    return lines


def escaped(text: str) -> str:
    """Returns a text that is no markup inside a cell: what models answer must not write the page."""
    indent = len(text) - len(text.lstrip(" "))
    text = text.strip().replace("&", "&amp;").replace("<", "&lt;")
    for mark in "\\|`*_[]!@#":
        text = text.replace(mark, f"\\{mark}")
    return "&nbsp;" * indent + text
