"""Results as a pandas data frame."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fasteval.errors import UsageError

if TYPE_CHECKING:
    from pandas import DataFrame

    from fasteval.results.model import Results, Score, TaskResult

__all__ = ["COLUMNS", "metric_rows", "results_frame"]


#: What is told of each metric.
COLUMNS = (
    "task", "version", "n_shot", "metric", "filter", "higher_is_better", "value", "stderr", "documents", "errors"
)  # fmt: skip


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
    frame: DataFrame = pandas.DataFrame(metric_rows(results), columns=list(COLUMNS))
    return frame


def metric_rows(results: Results) -> list[dict[str, Any]]:
    """Returns for each metric under each filter of each task what `COLUMNS` names."""
    return [_row(task, score) for task in results.tasks.values() for score in task.scores()]


def _row(task: TaskResult, score: Score) -> dict[str, Any]:
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
