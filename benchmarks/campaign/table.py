"""The findings as a Markdown table, and a document that has one."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from benchmarks.campaign.lab import Finding

__all__ = ["table", "write_into"]

# The folder of a file, which is another one at each run of the campaign.
_FOLDER = re.compile(r"(?<!\S)/\S*/")
_HEADER = "| fault | what was done | lost | wrong | what it cost | message |\n|---|---|---|---|---|---|\n"


def table(findings: Mapping[str, Finding]) -> str:
    """Returns the table: a row a fault."""
    return _HEADER + "".join(_row(name, finding) + "\n" for name, finding in findings.items())


def write_into(path: Path, findings: Mapping[str, Finding]) -> None:
    """Puts the rows of `findings` into the table in `path`, in place of earlier rows of the same name."""
    text = path.read_text("utf-8")
    start = text.index(_HEADER) + len(_HEADER)
    rows = list(itertools.takewhile(lambda line: line.startswith("|"), text[start:].splitlines()))
    by_name = {row.split("|")[1].strip(): row for row in rows}
    by_name |= {name: _row(name, finding) for name, finding in findings.items()}
    after = text[start + sum(len(row) + 1 for row in rows) :]
    path.write_text(text[:start] + "".join(row + "\n" for row in by_name.values()) + after, "utf-8")


def _row(name: str, finding: Finding) -> str:
    cells = (name, finding.fault, finding.lost or "nothing", finding.wrong or "nothing", finding.costs)
    # Messages quote commands, too: two marks around them let one stand inside.
    message = f"`` {_FOLDER.sub('…/', finding.message)} ``" if finding.message else ""
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in (*cells, message)) + " |"
