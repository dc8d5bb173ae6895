"""The table of scores: groups, tasks, their metrics and sub-scores, each with its interval."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

from fasteval.metrics.stderr import standard_error
from fasteval.results.report.documents import samples_of
from fasteval.results.saved import value_of
from fasteval.results.table import arrow

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from fasteval.results.saved import SavedRun

__all__ = ["Interval", "ScoreRow", "ScoreTable", "format_number", "interval_of_mean", "interval_of_stderr"]
__all__ += ["score_tables"]


#: Standard errors on either side of a value that hold the truth in 95 of 100 cases: 1.96.
QUANTILE = NormalDist().inv_cdf(0.975)


class Interval(NamedTuple):
    """From where to where the truth lies in 95 of 100 cases."""

    low: float
    high: float

    def of_share(self) -> Interval:
        """Returns the part of it that lies between 0 and 1: a share has no other values."""
        return Interval(max(0.0, self.low), min(1.0, self.high))


class ScoreRow(NamedTuple):
    """One metric under one filter.

    Attributes:
        metric: its name; of a sub-score only what follows the name of the metric that it is a part of.
        filter: the filter; "" where the task has but one.
        value: as text.
        stderr: as text; "" without one.
        share: the value if it lies between 0 and 1, so that a bar can show it; else None.
        interval: its 95 % interval, or None.
        direction: "↑" if higher is better, "↓" if lower is.
        n: documents that have a value; None where nobody can tell.
        is_part: whether it is a sub-score.
    """

    metric: str
    filter: str
    value: str
    stderr: str
    share: float | None
    interval: Interval | None
    direction: str
    n: int | None
    is_part: bool


class ScoreTable(NamedTuple):
    """The scores of one task or group.

    Attributes:
        name: its name.
        facts: what stands beside the name.
        rows: its scores.
    """

    name: str
    facts: tuple[str, ...]
    rows: list[ScoreRow]


def score_tables(run: SavedRun) -> list[ScoreTable]:
    """Returns the scores of all groups and tasks of a run, groups first."""
    facts = run.facts
    tables = []
    for name, values in (facts.get("groups") or {}).items():
        members = (facts.get("group_subtasks") or {}).get(name) or []
        directions = (facts.get("higher_is_better") or {}).get(name) or {}
        rows = list(_rows(values, directions, ()))
        tables.append(ScoreTable(str(values.get("alias", name)), (f"group of {len(members)}",), rows))
    for name, task in run.tasks.items():
        n_shot = task.facts.get("n-shot", 0)
        version = task.facts.get("versions")
        described = (f"{n_shot}-shot", f"version {version}" if version is not None else "")
        rows = list(_rows(task.values, task.facts.get("higher_is_better") or {}, task.samples))
        tables.append(ScoreTable(name, tuple(filter(None, described)), rows))
    return tables


def _rows(
    values: Mapping[str, Any], directions: Mapping[str, bool], samples: Sequence[Mapping[str, Any]]
) -> Iterator[ScoreRow]:
    keys = [key.split(",", 1) for key in values if "," in key and "_stderr," not in key]
    has_filters = len({filter_name for _, filter_name in keys}) > 1
    first = keys[0][0] if keys else ""
    n_first = len(_values(samples, *keys[0])) if keys else 0
    for metric, filter_name in keys:
        value = values[f"{metric},{filter_name}"]
        stderr = values.get(f"{metric}_stderr,{filter_name}")
        number = value if isinstance(value, int | float) and math.isfinite(value) else None
        of_documents = _values(samples, metric, filter_name)
        count = len(of_documents) if samples else None
        interval = None if number is None else interval_of_stderr(number, stderr, count)
        if interval is not None and of_documents and all(value in (0, 1) for value in of_documents):
            interval = interval.of_share()
        # acc_norm is no part of acc: parts have fewer documents than the whole.
        is_part = metric.startswith(f"{first}_") and count is not None and count < n_first
        yield ScoreRow(
            metric=metric.removeprefix(f"{first}_") if is_part else metric,
            filter=filter_name if has_filters else "",
            value=format_number(value),
            stderr=format_number(stderr) if isinstance(stderr, int | float) else "",
            share=number if number is not None and 0 <= number <= 1 else None,
            interval=interval,
            direction=arrow(directions.get(metric)),
            n=count,
            is_part=is_part,
        )


def format_number(value: Any) -> str:
    """Returns a value as a reader wants it: four decimals, or fewer for large numbers."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4f}"


def _values(samples: Sequence[Mapping[str, Any]], metric: str, filter_name: str) -> list[Any]:
    """Returns the documents' values of a metric."""
    scored = (sample for sample in samples_of(samples, filter_name) if sample.get("error") is None)
    values = (value_of(sample, metric) for sample in scored)
    return [value for value in values if value is not None]


def interval_of_stderr(value: float, stderr: object, count: int | None = None) -> Interval | None:
    """Returns the normal interval around a value; None if its standard error is no positive number.

    A standard error of 0 comes of documents that all have one value, and says nothing of the next one: where that value
    is 0 or 1, and `count` says of how many documents, the interval is that of a share.
    """
    if not isinstance(stderr, int | float) or not math.isfinite(stderr):
        return None
    if stderr <= 0:
        return _wilson(value * count, count) if count and value in (0, 1) else None
    return Interval(value - QUANTILE * stderr, value + QUANTILE * stderr)


def interval_of_mean(values: Sequence[float], clusters: Sequence[Hashable] | None = None) -> Interval | None:
    """Returns the interval of a mean, or None where there is too little to tell.

    For values of 0 and 1 that stand for themselves it is Wilson's (1927), which holds for few documents and near 0 and
    1; else the normal one, by the cluster-robust standard error where clusters are given.
    """
    if not values:
        return None
    is_share = all(value in (0.0, 1.0) for value in values)
    if is_share and (clusters is None or len(set(values)) == 1):
        return _wilson(sum(values), len(values))
    stderr = standard_error("mean", values, clusters=clusters)
    interval = interval_of_stderr(math.fsum(values) / len(values), stderr)
    return interval.of_share() if interval is not None and is_share else interval


def _wilson(successes: float, count: int) -> Interval:
    share, square = successes / count, QUANTILE**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = QUANTILE / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    return Interval(middle - half, middle + half).of_share()
