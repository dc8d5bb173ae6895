"""The table and the throughput line that end a run; the same rows as a data frame."""

from __future__ import annotations

import importlib
import math
import sys
from typing import TYPE_CHECKING, Any

from fasteval.errors import UsageError
from fasteval.results.encoding import to_json
from fasteval.results.markdown import markdown_table
from fasteval.results.printable import printable
from fasteval.results.statistics import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

    from pandas import DataFrame
    from rich.table import Table

    from fasteval.results.model import GroupResult, Results, Score, TaskResult
    from fasteval.results.statistics import RunStatistics

    #: One metric of one task or group, as text: the name, and what `_COLUMNS` says.
    _Row = tuple[str, ...]

__all__ = ["FRAME_COLUMNS", "arrow", "frame_rows", "plain_table", "print_results", "results_frame", "rich_table"]
__all__ += ["sections", "throughput_line"]

#: The data frame's columns.
FRAME_COLUMNS = (
    "task", "version", "n_shot", "metric", "filter", "higher_is_better", "value", "stderr", "documents", "errors"
)  # fmt: skip

_COLUMNS = ("Version", "Filter", "n-shot", "Metric", "↑", "Value", "±", "Stderr")
_RIGHT_ALIGNED = frozenset({"Version", "n-shot", "Value", "Stderr"})
_MAX_CELL = 60


def print_results(results: Results, stream: TextIO | None = None) -> None:
    """Prints table and throughput lines: in colour on a terminal, else as Markdown."""
    stream = sys.stdout if stream is None else stream
    if stream.isatty():
        from rich.console import Console

        console = Console(file=stream)
        for title, rows in sections(results):
            console.print(rich_table(title, rows))
    else:
        stream.write(plain_table(results) + "\n")
    stream.write("\n" + throughput_line(results.statistics) + "\n")
    if results.statistics.log_likelihood is not None:
        stream.write(results.statistics.log_likelihood.line() + "\n")


def plain_table(results: Results) -> str:
    """Returns the tasks, and below them the groups that have values, as Markdown tables."""
    tables = []
    for title, rows in sections(results):
        cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
        tables.append("\n".join(markdown_table([title, *_COLUMNS], cells, right=_RIGHT_ALIGNED)))
    return "\n\n".join(tables)


def rich_table(title: str, rows: Iterable[_Row]) -> Table:
    """Returns one table for a terminal; texts are shown as they are, markup in them has no effect."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold")
    for column in (title, *_COLUMNS):
        table.add_column(Text(column), justify="right" if column in _RIGHT_ALIGNED else "left")
    value = 1 + _COLUMNS.index("Value")
    for row in rows:
        table.add_row(*(Text(cell, style="bold" if place == value else "") for place, cell in enumerate(row)))
    return table


def throughput_line(statistics: RunStatistics) -> str:
    """Returns where the time went, and what came of it, in one line."""
    wall = statistics.wall_seconds
    stages = ", ".join(
        f"{stage} {statistics.stages[stage]:.1f}" for stage in STAGES if statistics.stages.get(stage, 0) >= 0.05
    )
    parts = [f"{statistics.requests:,} requests in {wall:.1f} s" + (f" ({stages})" if stages else "")]
    parts += [_rates(statistics.requests_per_second, statistics.tokens_per_second, " · ")]
    if statistics.sent and statistics.stages.get("engine", 0) > 0:
        rates = _rates(statistics.engine_requests_per_second, statistics.engine_tokens_per_second, ", ")
        parts.append(f"engine stage alone {rates}")
    parts += [
        f"cache {_count(statistics.cache_hits, 'hit')}",
        f"{statistics.truncated:,} truncated",
        _count(statistics.errors, "error"),
    ]
    if statistics.peak_memory_bytes:
        parts.append(f"peak {statistics.peak_memory_bytes / 1e9:.1f} GB")
    return " · ".join(parts)


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _rates(requests: float, tokens: float, joint: str) -> str:
    numbers = (f"{value:,.0f}" if value >= 100 else f"{value:.1f}" for value in (requests, tokens))
    return joint.join(f"{number} {noun}/s" for number, noun in zip(numbers, ("requests", "tokens"), strict=True))


def sections(results: Results) -> Iterator[tuple[str, Iterator[_Row]]]:
    """Yields the titles and rows of the tables that a run ends with: tasks, and groups that have values."""
    partial = " (partial)" if results.interrupted else ""
    yield f"Tasks{partial}", _rows(results.tasks.values())
    if any(group.metrics for group in results.groups.values()):
        yield f"Groups{partial}", _rows(results.groups.values())


def _rows(entries: Iterable[TaskResult | GroupResult]) -> Iterator[_Row]:
    for entry in entries:
        for score in entry.scores():
            yield (
                printable(entry.alias or entry.name, _MAX_CELL),
                printable(entry.version),
                printable(score.filter or "none"),
                str(getattr(entry, "n_shot", "")),
                printable(score.metric, _MAX_CELL),
                arrow(score.higher_is_better),
                _cell(score.value),
                "±",
                _cell("N/A" if score.stderr is None else score.stderr),
            )


def arrow(higher_is_better: bool | None) -> str:
    """Returns the direction of a metric as the tables show it; "" where nobody said."""
    return "" if higher_is_better is None else "↑" if higher_is_better else "↓"


def _cell(value: Any) -> str:
    if isinstance(value, bool | int | str):
        return printable(value, _MAX_CELL)
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, float):
        return f"{value:.4f}" if math.isfinite(value) else str(value)
    return printable(to_json(value).decode(), _MAX_CELL)


def results_frame(results: Results) -> DataFrame:
    """Returns one row for each metric under each filter of each task, in the order of the table.

    Columns: task, version, n_shot, metric, filter, higher_is_better, value, stderr (NaN where there is none),
    documents, errors.

    Raises:
        UsageError: pandas is not installed.
    """
    try:
        pandas = importlib.import_module("pandas")
    except ModuleNotFoundError:
        raise UsageError("to_pandas needs the package 'pandas': pip install pandas") from None
    frame: DataFrame = pandas.DataFrame(frame_rows(results), columns=list(FRAME_COLUMNS))
    return frame


def frame_rows(results: Results) -> list[dict[str, Any]]:
    """Returns for each metric under each filter of each task what `FRAME_COLUMNS` names."""
    return [_frame_row(task, score) for task in results.tasks.values() for score in task.scores()]


def _frame_row(task: TaskResult, score: Score) -> dict[str, Any]:
    return {
        "task": task.name,
        "version": task.version,
        "n_shot": task.n_shot,
        "metric": score.metric,
        "filter": score.filter,
        "higher_is_better": score.higher_is_better,
        "value": score.value,
        "stderr": score.stderr if isinstance(score.stderr, int | float) else float("nan"),
        "documents": task.n_effective,
        "errors": task.errors,
    }
