"""`TaskScorer`: one task's answers become scored documents, each as soon as all its requests have answered."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fasteval.api.request import Kind
from fasteval.filters.thinking import strip_thinking
from fasteval.results.document import ScoredDocument
from fasteval.results.encoding import without_media
from fasteval.results.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from fasteval.api.request import Response
    from fasteval.filters.pipeline import FilterPipeline
    from fasteval.requests import RequestTable
    from fasteval.requests.table import Row
    from fasteval.scheduling import Answer
    from fasteval.tasks import ConfigurableTask

__all__ = ["TaskScorer"]

_MULTI_ROUND = Kind.GENERATE_UNTIL_MULTI_ROUND


@dataclass(slots=True)
class _Waiting:
    """A document whose answers are still coming, or whose filters need all documents."""

    doc_id: int
    answers: dict[int, Answer] = field(default_factory=dict)

    def rows(self) -> list[int]:
        """Returns the document's rows in order."""
        return sorted(self.answers)

    def responses(self) -> list[Response]:
        """Returns the responses to the rows, in their order; those that are missing are left out."""
        found = [self.answers[row].response for row in self.rows()]
        return [response for response in found if response is not None]


class TaskScorer:
    """Collects the answers of one task's rows.

    Attributes:
        task_name: the task's name.
        documents: how many documents the run has of it.
        failed: those of them that have no score so far.
    """

    def __init__(
        self,
        task: ConfigurableTask,
        table: RequestTable,
        *,
        show_prompt: Callable[[Row], str],
        keys: NDArray[np.uint8] | None = None,
        reasoning_tags: Sequence[tuple[str, str]] = (),
        repeats: int = 1,
        predict_only: bool = False,
    ) -> None:
        """Prepares the scoring of `task`'s rows in `table`.

        Args:
            task: the task.
            table: the rows of all tasks.
            show_prompt: gives the exact text that was sent for a row.
            keys: uint8 (N, 16). The rows' keys in the response cache, which the samples name.
            reasoning_tags: pairs of tags whose content is removed before scoring.
            repeats: answers a document.
            predict_only: answers without metrics.
        """
        self._task, self._table, self._show_prompt, self._keys = task, table, show_prompt, keys
        self._reasoning_tags, self._repeats, self._predict_only = reasoning_tags, repeats, predict_only
        self._pipelines = task.filters()
        self._streams = all(pipeline.per_document for pipeline in self._pipelines)
        rows = np.flatnonzero(table.task == table.task_names.index(task.name))
        doc_ids, counts = np.unique(table.doc[rows], return_counts=True)
        self._missing = dict(zip(doc_ids.tolist(), counts.tolist(), strict=True))
        self._waiting: dict[int, _Waiting] = {}
        self._complete: list[_Waiting] = []
        self._scored: list[ScoredDocument] = [
            _failed(failure.doc_id, failure.reason)
            for failure in table.failures
            if table.task_names[failure.task] == task.name
        ]
        self.task_name = task.name
        self.failed = list(self._scored)
        self.documents = len(self._missing) + len(self._scored)

    def receive(self, answer: Answer) -> bool:
        """Takes the answer to one row; returns whether `score_next` has a document to score.

        Where filters have to see all documents, it has none before the task's end.
        """
        doc_id = self._table.doc.item(answer.row)
        waiting = self._waiting.get(doc_id)
        if waiting is None:
            waiting = self._waiting[doc_id] = _Waiting(doc_id)
        waiting.answers[answer.row] = answer
        self._missing[doc_id] -= 1
        if self._missing[doc_id]:
            return False
        del self._waiting[doc_id], self._missing[doc_id]
        self._complete.append(waiting)
        return self._streams

    def score_next(self) -> ScoredDocument:
        """Scores the document that has been completed last, and returns it."""
        self._add(self._score([self._complete.pop()]))
        return self._scored[-1]

    def finish(self) -> list[ScoredDocument]:
        """Returns all scored documents in document order; scores those whose filters had to wait for the task's end.

        Documents that lack answers (of a run that was interrupted) are left out.
        """
        self._add(self._score(sorted(self._complete, key=lambda waiting: waiting.doc_id)))
        self._complete = []
        return sorted(self._scored, key=lambda document: document.doc_id)

    def _add(self, documents: list[ScoredDocument]) -> None:
        self._scored += documents
        self.failed += [document for document in documents if document.error is not None]

    def _score(self, documents: list[_Waiting]) -> list[ScoredDocument]:
        errors = {document.doc_id: _error(document) for document in documents}
        scored = [_failed(doc_id, reason) for doc_id, reason in errors.items() if reason is not None]
        answered = [document for document in documents if errors[document.doc_id] is None]
        docs = [self._task.docs[document.doc_id] for document in answered]
        results = [ScoredDocument(document.doc_id) for document in answered]
        facts = [self._facts(document, doc) for document, doc in zip(answered, docs, strict=True)]
        for pipeline in self._pipelines if answered else ():
            try:
                columns = self._filter(pipeline, answered, docs)
            except Exception as error:  # noqa: BLE001 - a filter may raise anything; it must cost its documents only
                for result in results:
                    _fail(result, f"filter '{pipeline.name}': {type(error).__name__}: {error}")
                continue
            for result, fact, doc, filtered in zip(results, facts, docs, columns, strict=True):
                self._score_one(result, fact, doc, pipeline.name, filtered)
        return scored + results

    def _filter(
        self, pipeline: FilterPipeline, documents: list[_Waiting], docs: list[dict[str, Any]]
    ) -> list[list[Any]]:
        """Returns for each document the filtered answers of its requests."""
        responses = [self._responses(document) for document in documents]
        flat = [request for document in responses for request in document]
        flat_docs = [doc for doc, document in zip(docs, responses, strict=True) for _ in document]
        filtered = iter(pipeline.apply(flat, flat_docs))
        return [[next(filtered) for _ in document] for document in responses]

    def _responses(self, document: _Waiting) -> list[list[Any]]:
        """Returns for each request of a document its list of answers: one a repeat for texts, one for choices."""
        answers = document.responses()
        kind = self._table.row_kind(document.rows()[0])
        if kind is _MULTI_ROUND:
            return [[list(response.texts) for response in answers]]
        values = [response.value for response in answers]
        if not kind.generates:
            return [[value] for value in values]
        texts = [strip_thinking(value, self._reasoning_tags) if isinstance(value, str) else value for value in values]
        # A greedy answer to be repeated is asked once.
        return [texts * self._repeats if len(texts) == 1 else texts]

    def _score_one(
        self, scored: ScoredDocument, facts: dict[str, Any], doc: dict[str, Any], name: str, filtered: list[Any]
    ) -> None:
        # take_first_k and its like give a request a list of answers: the task wants that list.
        results = filtered[0] if len(filtered) == 1 and isinstance(filtered[0], list) else filtered
        target = None
        try:
            target = self._task.doc_to_target(doc)
            values = {} if self._predict_only else self._task.process_results(doc, results)
        except Exception as error:  # noqa: BLE001 - task code may raise anything; it must cost one document only
            sample = Sample(**facts, filter=name, filtered_resps=filtered, target=target)
            _fail(scored, f"{type(error).__name__}: {error}", sample)
            return
        if scored.error is None:
            scored.values[name] = values
        if self._task.cluster_key:
            scored.cluster = doc.get(self._task.cluster_key)
        scored.samples.append(Sample(**facts, filter=name, filtered_resps=filtered, target=target, metrics=values))

    def _facts(self, document: _Waiting, doc: dict[str, Any]) -> dict[str, Any]:
        """Returns the fields of a document's sample that are the same under every filter."""
        rows, responses = document.rows(), document.responses()
        first = self._table.row(rows[0])
        scored = [response for response in responses if response.logprob is not None]
        return {
            "doc_id": document.doc_id,
            "doc": without_media(doc),
            "prompt": self._show_prompt(first),
            "context": first.prompt.plain_text(),
            "resps": [response.value for response in responses],
            "continuations": [self._table.continuation_text(row) or "" for row in rows] if scored else None,
            "finish_reason": responses[0].finish_reason,
            "prompt_tokens": sum([response.prompt_tokens for response in responses]),
            "output_tokens": sum([response.output_tokens for response in responses]),
            "logprobs": [response.logprob for response in scored if response.logprob is not None] or None,
            "request_keys": None if self._keys is None else [self._keys[row].tobytes().hex() for row in rows],
            "is_greedy": [bool(response.is_greedy) for response in scored] or None,
            "scored_tokens": [response.output_tokens for response in scored] or None,
        }


def _error(document: _Waiting) -> str | None:
    for answer in document.answers.values():
        if answer.response is None:
            return answer.error or "no answer"
    return None


def _failed(doc_id: int, reason: str) -> ScoredDocument:
    document = ScoredDocument(doc_id)
    _fail(document, reason)
    return document


def _fail(document: ScoredDocument, reason: str, sample: Sample | None = None) -> None:
    """Turns a document into an error row: no values under any filter, and a sample that says why."""
    document.error, document.values = reason, {}
    document.samples.append(replace(sample or Sample(doc_id=document.doc_id), error=reason))
