"""What the page's scripts get: the tasks, and one row a document, in JSON."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from fasteval.results.report.documents import Status
from fasteval.results.saved import value_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fasteval.results.report.documents import Document, MainMetric

__all__ = ["MAX_TEXT", "document_row", "rank", "select_documents"]

#: Longer texts are cut in the page; the samples file has them whole.
MAX_TEXT = 20_000
# Which documents a page keeps first if it cannot have all: those that somebody will look for.
_ORDER = (Status.ERROR, Status.WRONG, Status.PARTLY, Status.UNSCORED, Status.RIGHT)


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
        "doc": {name: _cut(value) for name, value in (first.get("doc") or {}).items()},
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
