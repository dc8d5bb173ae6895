"""`Document`: the samples of one document under all filters, as the report's table has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from fasteval.results.saved import value_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fasteval.results.saved import SavedTask

__all__ = ["Document", "MainMetric", "Status", "documents_of", "main_metric", "samples_of"]


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
            document.score = next(_numbers(task, document.samples, metric.name, metric.filter), None)
        document.status = _status(document, metric)
    return list(documents.values()), metric


def main_metric(task: SavedTask) -> MainMetric | None:
    """Returns the metric that says whether a document is right; None if no metric has numbers for documents."""
    scored = [sample for sample in task.samples if sample.get("error") is None]
    for key in task.metric_keys:
        name, _, filter_name = key.partition(",")
        numbers = list(_numbers(task, scored, name, filter_name))
        # A sub-score has values for some of the documents only: it stands for the others as little as for nothing.
        if numbers and 2 * len(numbers) > len(samples_of(scored, filter_name)):
            is_share = task.higher_is_better(name) and all(0 <= number <= 1 for number in numbers)
            return MainMetric(name, filter_name, is_share)
    return None


def samples_of(samples: Sequence[Mapping[str, Any]], filter_name: str) -> list[Mapping[str, Any]]:
    """Returns the samples of a filter; all of them where files name no filters."""
    return [sample for sample in samples if sample.get("filter", filter_name) == filter_name]


def _numbers(task: SavedTask, samples: Sequence[Mapping[str, Any]], metric: str, filter_name: str) -> Iterator[float]:
    """Yields the values of a metric that are numbers."""
    values = (task.number(value_of(sample, metric)) for sample in samples_of(samples, filter_name))
    return (value for value in values if value is not None)


def _status(document: Document, metric: MainMetric | None) -> Status:
    if document.error is not None:
        return Status.ERROR
    if document.score is None or metric is None or not metric.is_share:
        return Status.UNSCORED
    return Status.RIGHT if document.score == 1 else Status.WRONG if document.score == 0 else Status.PARTLY
