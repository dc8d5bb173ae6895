"""`Document`: the samples of one document under all filters, as the report's table has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fasteval.results.saved import SavedTask

__all__ = ["Document", "MainMetric", "Status", "documents_of", "main_metric", "per_document"]


class Status(StrEnum):
    """What became of a document."""

    RIGHT = "right"
    PARTLY = "partly"
    WRONG = "wrong"
    ERROR = "error"
    UNSCORED = "unscored"


@dataclass(frozen=True, slots=True)
class MainMetric:
    """The metric that says whether a document is right: a task's first one that has numbers for single documents.

    Attributes:
        name: the metric.
        filter: the filter under which it is read.
        is_share: whether 1 is right and 0 is wrong, and nothing lies outside.
    """

    name: str
    filter: str
    is_share: bool


@dataclass(slots=True)
class Document:
    """One document.

    Attributes:
        doc_id: its number in its split.
        status: what became of it.
        score: its value of the main metric; None without one.
        samples: its lines of the samples file, one a filter.
        is_truncated: whether an answer ended because of its length limit.
    """

    doc_id: int
    status: Status = Status.UNSCORED
    score: float | None = None
    samples: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def is_truncated(self) -> bool:
        """Whether its answer ended because of the length limit."""
        return any(sample.get("finish_reason") == "length" for sample in self.samples)

    @property
    def error(self) -> str | None:
        """Why it has no score; None if it has one."""
        return next((str(sample["error"]) for sample in self.samples if sample.get("error") is not None), None)


def documents_of(task: SavedTask) -> tuple[list[Document], MainMetric | None]:
    """Returns a task's documents in the order of its samples, and the metric that their statuses follow."""
    documents: dict[int, Document] = {}
    for sample in task.samples:
        documents.setdefault(sample["doc_id"], Document(sample["doc_id"])).samples.append(sample)
    metric = main_metric(task)
    for document in documents.values():
        if metric is not None:
            values = (
                _number(per_document(sample, metric.name), task) for sample in _under(document.samples, metric.filter)
            )
            document.score = next((value for value in values if value is not None), None)
        document.status = _status(document, metric)
    return list(documents.values()), metric


def main_metric(task: SavedTask) -> MainMetric | None:
    """Returns the metric that says whether a document is right; None if no metric has numbers for documents."""
    for key in task.values:
        name, comma, filter_name = key.partition(",")
        if not comma or name.endswith("_stderr"):
            continue
        samples = [sample for sample in _under(task.samples, filter_name) if sample.get("error") is None]
        values = [_number(per_document(sample, name), task) for sample in samples]
        numbers = [value for value in values if value is not None]
        # A sub-score has values for some of the documents only: it stands for the others as little as for nothing.
        if numbers and 2 * len(numbers) > len(samples):
            higher = (task.facts.get("higher_is_better") or {}).get(name, True)
            is_share = bool(higher) and all(0 <= number <= 1 for number in numbers)
            return MainMetric(name, filter_name, is_share)
    return None


def per_document(sample: Mapping[str, Any], metric: str) -> Any:
    """Returns a sample's value of a metric as its file has it; None if it has none."""
    renamed = f"metric_{metric}"
    return sample[renamed] if renamed in sample else sample.get(metric)


def _under(samples: Sequence[Mapping[str, Any]], filter_name: str) -> list[Mapping[str, Any]]:
    """Returns the samples of a filter; all of them where files name no filters."""
    return [sample for sample in samples if sample.get("filter", filter_name) == filter_name]


def _number(value: Any, task: SavedTask) -> float | None:
    if isinstance(value, Mapping):
        value = value.get(task.config.get("score_key") or "score")
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _status(document: Document, metric: MainMetric | None) -> Status:
    if document.error is not None:
        return Status.ERROR
    if document.score is None or metric is None or not metric.is_share:
        return Status.UNSCORED
    return Status.RIGHT if document.score == 1 else Status.WRONG if document.score == 0 else Status.PARTLY
