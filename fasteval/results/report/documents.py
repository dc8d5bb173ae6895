"""`Document`: the samples of one document under all filters, and the row that the page's scripts get of it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from fasteval.results.saved import value_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fasteval.results.saved import SavedTask

__all__ = ["MAX_TEXT", "Document", "MainMetric", "Status", "documents_of", "main_metric", "samples_of"]
__all__ += ["document_row", "rank", "select_documents"]


#: Longer texts are cut in the page; the samples file has them whole.
MAX_TEXT = 20_000


class Status(StrEnum):
    """What became of a document."""

    RIGHT = "right"
    PARTLY = "partly"
    WRONG = "wrong"
    ERROR = "error"
    UNSCORED = "unscored"


# Which documents a page keeps first if it cannot have all: those that somebody will look for.
_ORDER = (Status.ERROR, Status.WRONG, Status.PARTLY, Status.UNSCORED, Status.RIGHT)


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
    def doc(self) -> Mapping[str, Any]:
        """Its columns; empty where the file has none."""
        doc = self.samples[0].get("doc")
        return doc if isinstance(doc, Mapping) else {}

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


def select_documents(documents: Sequence[Document], limit: int) -> list[Document]:
    """Returns at most `limit` documents in their order: failed and wrong ones first, then right ones from all over."""
    if len(documents) <= limit:
        return list(documents)

    def key(position: int) -> tuple[int, int]:
        scattered = zlib.crc32(str(documents[position].doc_id).encode())
        return rank(documents[position]), scattered

    kept = sorted(sorted(range(len(documents)), key=key)[:limit])
    return [documents[position] for position in kept]


def rank(document: Document) -> int:
    """Returns a number that is the smaller the more a document will be looked for."""
    return min(_ORDER.index(document.status), 1 if document.is_truncated else len(_ORDER))


def document_row(document: Document, task: int, metric: MainMetric | None, pictures: Sequence[int]) -> dict[str, Any]:
    """Returns a document as the page's table and dialog show it.

    Args:
        document: the document.
        task: the task's number in the page.
        metric: the task's main metric.
        pictures: numbers of its pictures.
    """
    first = document.samples[0]
    filter_name = metric.filter if metric else first.get("filter")
    main = next((sample for sample in document.samples if sample.get("filter") == filter_name), first)
    question = first.get("input")
    row: dict[str, Any] = {
        "task": task,
        "id": document.doc_id,
        "status": document.status.value,
        "question": _cut(question if question is not None else first.get("prompt", "")),
        "prompt": _cut(first.get("prompt", question)),
        "target": _cut(_target(main)),
        "answer": _cut(_answer(main)),
        "responses": _cut(first.get("resps")),
        "filters": [
            {
                "name": sample.get("filter", ""),
                "answers": _cut(sample.get("filtered_resps")),
                "metrics": {name: value_of(sample, name) for name in sample.get("metrics") or ()},
            }
            for sample in document.samples
        ],
        "tokens": [first.get("prompt_tokens"), first.get("output_tokens")],
        "doc": {name: _cut(value) for name, value in document.doc.items()},
    }
    optional = {
        "score": document.score,
        "truncated": document.is_truncated or None,
        "finish": first.get("finish_reason"),
        "choices": _choices(first),
        "error": document.error,
        "pictures": list(pictures) or None,
    }
    return row | {name: value for name, value in optional.items() if value is not None}


def _choices(sample: Mapping[str, Any]) -> list[list[Any]] | None:
    """Returns text, log-probability and greediness of each choice; None for generated answers."""
    texts, logprobs = sample.get("continuations"), sample.get("logprobs")
    if not texts or not logprobs or len(texts) != len(logprobs):
        return None
    greedy = sample.get("is_greedy") or [None] * len(texts)
    return [list(choice) for choice in zip(texts, logprobs, greedy, strict=True)]


def _answer(sample: Mapping[str, Any]) -> Any:
    """Returns what the table shows as the answer: the filtered text, or the most probable choice."""
    choices = _choices(sample)
    if choices is not None and len(choices) > 1:
        return max(choices, key=lambda choice: choice[1])[0].strip()
    filtered = sample.get("filtered_resps")
    if filtered in (None, []):
        filtered = sample.get("resps")
    while isinstance(filtered, list) and len(filtered) == 1:
        filtered = filtered[0]
    return filtered


def _target(sample: Mapping[str, Any]) -> Any:
    """Returns the right answer; where it is the number of a choice, the choice's text."""
    target, choices = sample.get("target"), _choices(sample)
    if choices is not None and isinstance(target, int) and 0 <= target < len(choices):
        return choices[target][0].strip()
    return target


def _cut(value: Any) -> Any:
    """Returns a value with its long texts cut, at any depth."""
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return f"{value[:MAX_TEXT]}\n… ({len(value) - MAX_TEXT:,} more characters in the samples file)"
    if isinstance(value, list):
        return [_cut(entry) for entry in value]
    if isinstance(value, dict):
        return {name: _cut(entry) for name, entry in value.items()}
    return value
