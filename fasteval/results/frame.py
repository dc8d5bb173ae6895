"""Results as a pandas data frame."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fasteval.errors import UsageError

if TYPE_CHECKING:
    from pandas import DataFrame

    from fasteval.results.model import Results, TaskResult

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
    return [row for task in results.tasks.values() for row in _rows(task)]


def _rows(task: TaskResult) -> list[dict[str, Any]]:
    rows = []
    for key, value in task.metrics.items():
        metric, _, filter_name = key.partition(",")
        stderr = task.stderrs.get(f"{metric}_stderr,{filter_name}")
        rows.append(
            {
                "task": task.name,
                "version": task.version,
                "n_shot": task.n_shot,
                "metric": metric,
                "filter": filter_name,
                "higher_is_better": task.higher_is_better.get(metric),
                "value": value,
                "stderr": float("nan") if stderr is None or isinstance(stderr, str) else stderr,
                "documents": task.n_effective,
                "errors": task.errors,
            }
        )
    return rows
