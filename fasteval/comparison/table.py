"""A comparison as text: a table for a terminal, and Markdown for a pull request."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from fasteval.comparison.documents import short_name
from fasteval.results.encoding import to_json
from fasteval.results.markdown import escaped, markdown_table
from fasteval.results.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from fasteval.comparison.model import Comparison, ScoreComparison, TaskComparison

__all__ = ["COLUMNS", "answer_text", "explanations", "markdown", "print_comparison", "table_rows"]

_MAX_FLIPS = 20
_MAX_CELL = 60
#: The titles of a table's columns.
COLUMNS = ("Task", "n", "Base", "Candidate", "Difference", "p", "Detectable", "Flips", "Verdict")
_MIN_WIDTH = 140


def print_comparison(comparison: Comparison, stream: TextIO | None = None) -> None:
    """Prints the table: with colours on a terminal, else as Markdown without the flipped documents."""
    stream = sys.stdout if stream is None else stream
    if not stream.isatty():
        stream.write(markdown(comparison, max_flips=0))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=stream)
    for line in _heading(comparison):
        console.print(Text(line))
    console.width = max(console.width, _MIN_WIDTH)  # a cut number is worse than a wrapped line
    table = Table(box=box.SIMPLE_HEAD, header_style="bold")
    for column in COLUMNS:
        table.add_column(Text(column), justify="right" if column in COLUMNS[1:-1] else "left", no_wrap=True)
    colours = {"better": "green", "worse": "red"}
    for row in table_rows(comparison):
        table.add_row(*(Text(cell, style=colours.get(row[-1], "")) for cell in row))
    console.print(table)
    for line in explanations(comparison):
        console.print(Text(line, style="dim"))


def markdown(comparison: Comparison, *, max_flips: int = _MAX_FLIPS) -> str:
    """Returns the comparison as Markdown; of each task the first `max_flips` documents whose score differs."""
    lines = [*(f"{line}  " for line in _heading(comparison)), ""]
    lines += _table(COLUMNS, list(table_rows(comparison)))
    lines += ["", *(f"{line}  " for line in explanations(comparison))]
    for task in comparison.tasks if max_flips else ():
        if task.flips:
            lines += ["", *_flips(task, max_flips)]
    return "\n".join(lines) + "\n"


def answer_text(value: Any) -> str:
    """Returns an answer as text: one answer without its list, anything but a text as JSON."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, str) else to_json(value).decode()


def _heading(comparison: Comparison) -> Iterator[str]:
    yield f"Base: {_place(comparison.base)}"
    for number, candidate in enumerate(comparison.candidates, 1):
        suffix = f" {number}" if len(comparison.candidates) > 1 else ""
        yield f"Candidate{suffix}: {_place(candidate)}"
    for text in comparison.forced:
        yield f"NOT COMPARABLE, compared by force: {printable(text)}"


def _place(run: tuple[str, str]) -> str:
    label, path = run
    return printable(f"{label} ({path})" if path else label)


def table_rows(comparison: Comparison) -> Iterator[tuple[str, ...]]:
    """Yields the lines of the table: each task, below it its categories and further metrics."""
    several = len(comparison.candidates) > 1
    for task in comparison.tasks:
        suffix = f" [{task.candidate + 1}]" if several else ""
        yield _row(f"{task.task}{suffix}: {short_name(task.main.name)}", task.main, comparison.alpha)
        for category in task.categories:
            yield _row(f"  {task.category_column} = {category.name}", category, comparison.alpha)
        for other in task.others:
            yield _row(f"  {short_name(other.name)}", other, comparison.alpha)


def _row(name: str, score: ScoreComparison, alpha: float) -> tuple[str, ...]:
    indent = len(name) - len(name.lstrip())
    p_value = score.p_value if score.adjusted is None else score.adjusted
    return (
        " " * indent + printable(name, _MAX_CELL),
        f"{score.count:,}",
        f"{score.base:.4f}",
        f"{score.candidate:.4f}",
        f"{score.difference:+.4f} [{score.low:+.4f}, {score.high:+.4f}]",
        "<0.0001" if p_value < 0.0001 else f"{p_value:.4f}",
        "none" if score.detectable is None else f"{score.detectable:.4f}",
        f"+{score.gained} -{score.lost}",
        "" if score.adjusted is None else score.verdict(alpha),
    )


def explanations(comparison: Comparison) -> Iterator[str]:
    """Yields what a reader must know to read the numbers."""
    over = "tasks and candidates" if len(comparison.candidates) > 1 else "tasks"
    yield (
        f"p: test of no difference, paired by document, with Holm's correction over {over}; categories and further "
        f"metrics are not corrected and have no verdict. In brackets: the {1 - comparison.alpha:.0%} interval. "
        f"Detectable: what would have been found with 80 % power at {comparison.alpha:g}. "
        "Flips: documents gained and lost."
    )
    for task in comparison.tasks:
        yield from _remarks(task)
    for text in (*comparison.skipped, *comparison.notes):
        yield f"Note: {printable(text)}"


def _remarks(task: TaskComparison) -> Iterator[str]:
    methods = {
        "mcnemar": "McNemar's exact test, Tango's interval",
        "bootstrap": "paired bootstrap, studentised",
        "sign": "sign test (too few differ for a bootstrap)",
    }
    over = f" over {task.main.clusters:,} clusters" if task.main.clusters else ""
    yield f"{printable(task.task)}: {methods[task.main.method]}{over}; {len(task.flips):,} documents differ."
    for numbers, what in ((task.unpaired, "documents that only it has"), (task.errors, "error rows")):
        if any(numbers):
            yield f"{printable(task.task)}: {what}: {numbers[0]:,} in the base, {numbers[1]:,} in the candidate."
    if task.not_compared:
        names = printable(", ".join(task.not_compared))
        yield f"{printable(task.task)}: not compared, because documents have no number of their own: {names}."
    for score in (task.main, *task.others):
        if score.reported is not None:
            base, candidate = score.reported
            values = f"{printable(score.name)} is {base:.4f} and {candidate:.4f} in the results"
            yield f"{printable(task.task)}: {values}; what is compared is the mean over the paired documents."
    yield from (f"{printable(task.task)}: {printable(text)}." for text in task.remarks)


def _flips(task: TaskComparison, most: int) -> list[str]:
    worse = sorted(
        task.flips, key=lambda flip: ((flip.candidate > flip.base) == task.main.higher_is_better, flip.doc_id)
    )
    title = f"{printable(task.task)}: {task.main.gained} gained, {task.main.lost} lost"
    rows = []
    for flip in worse[:most]:
        texts = (flip.prompt, flip.target, flip.base_answer, flip.candidate_answer)
        cells = (printable(answer_text(value), _MAX_CELL) for value in texts)
        rows.append((str(flip.doc_id), f"{flip.base:g} → {flip.candidate:g}", *cells))
    columns = ("Document", "Score", "Prompt", "Target", "Base's answer", "Candidate's answer")
    more = [f"… and {len(worse) - most} more"] if len(worse) > most else []
    heading = f"<details><summary>{escaped(title)}</summary>"
    return [heading, "", *_table(columns, rows), "", *more, "</details>"]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return markdown_table(columns, [[escaped(cell) for cell in row] for row in rows], right=COLUMNS[1:-1])
