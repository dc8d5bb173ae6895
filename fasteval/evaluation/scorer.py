"""`TaskScorer`: one task's answers become scored documents, each as soon as all its requests have answered."""

from __future__ import annotations

import copy
import itertools
import operator
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fasteval.api.request import Kind, Score
from fasteval.filters.thinking import strip_thinking
from fasteval.judging import noting
from fasteval.results.encoding import without_media
from fasteval.results.sample import Sample, ScoredDocument
from fasteval.tasks.datasets import fresh

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from fasteval.api.request import Response
    from fasteval.evaluation.panel import Panel
    from fasteval.filters.pipeline import FilterPipeline
    from fasteval.judging.session import Notes
    from fasteval.requests import RequestTable
    from fasteval.requests.table import Row
    from fasteval.scheduling import Answer
    from fasteval.tasks import ConfigurableTask

__all__ = ["TaskScorer"]

_MULTI_ROUND = Kind.GENERATE_UNTIL_MULTI_ROUND


class _Answered(NamedTuple):
    """A document whose answers are all there.

    Attributes:
        doc_id: its number.
        rows: its rows, in order.
        responses: the answers to them; one that is missing is left out.
        values: what the responses say.
        error: why one is missing; None if none is.
    """

    doc_id: int
    rows: list[int]
    responses: list[Response]
    values: list[Any]
    error: str | None

    @classmethod
    def of(cls, doc_id: int, answers: list[Answer]) -> _Answered:
        """Takes a document's answers apart, in the order of their rows."""
        if len(answers) > 1:
            answers.sort(key=_ROW)
        responses = [answer.response for answer in answers if answer.response is not None]
        error = None
        if len(responses) < len(answers):
            error = next(answer.error or "no answer" for answer in answers if answer.response is None)
        values = [response.value for response in responses]
        return cls(doc_id, [answer.row for answer in answers], responses, values, error)


_ROW = operator.attrgetter("row")
#: What `_score_one` takes.
_Step = tuple[ScoredDocument, Sample, dict[str, Any], str, list[Any]]


class TaskScorer:
    """Collects the answers of one task's rows.

    Attributes:
        task_name: the task's name.
        documents: how many documents the run has of it.
        failed: those of them that have no score so far.
        in_hand: documents that threads are scoring.
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
        panel: Panel | None = None,
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
            panel: the threads in which documents are scored, because scoring asks a judge; None for this thread.
        """
        self._task, self._table, self._show_prompt, self._keys = task, table, show_prompt, keys
        self._reasoning_tags, self._repeats, self._predict_only = reasoning_tags, repeats, predict_only
        self._pipelines = task.filters()
        self._streams = all(pipeline.per_document for pipeline in self._pipelines)
        rows = np.flatnonzero(table.task == table.task_names.index(task.name))
        self._is_mixed = len(np.unique(table.kind[rows])) > 1  # only tasks that are classes ask for both
        doc_ids, counts = np.unique(table.doc[rows], return_counts=True)
        self._expected = dict(zip(doc_ids.tolist(), counts.tolist(), strict=True))
        self._waiting: dict[int, list[Answer]] = {}
        self._complete: list[_Answered] = []
        self._scored: list[ScoredDocument] = [
            _failed(failure.doc_id, failure.reason)
            for failure in table.failures
            if table.task_names[failure.task] == task.name
        ]
        self._panel, self._judged = panel, SimpleQueue[ScoredDocument]()
        self.in_hand = 0
        self.task_name = task.name
        self.failed = list(self._scored)
        self.documents = len(self._expected) + len(self._scored)

    def receive(self, answers: Sequence[Answer]) -> list[ScoredDocument]:
        """Takes answers to rows; returns the documents that they complete, scored.

        Where filters have to see all documents, there are none before the task's end.
        """
        doc_ids: list[int] = self._table.doc[[answer.row for answer in answers]].tolist()
        for doc_id, answer in zip(doc_ids, answers, strict=True):
            known = self._waiting.setdefault(doc_id, [])
            known.append(answer)
            if len(known) == self._expected[doc_id]:
                self._complete.append(_Answered.of(doc_id, self._waiting.pop(doc_id)))
        return (self._score_complete() if self._streams else []) + self.collect()

    def complete(self) -> None:
        """Begins to score the documents whose filters had to wait for the task's end."""
        self._complete.sort(key=lambda document: document.doc_id)
        self._score_complete()

    def collect(self, wait: float = 0.0) -> list[ScoredDocument]:
        """Returns documents that threads have scored; waits at most `wait` seconds for the first one."""
        documents: list[ScoredDocument] = []
        while self.in_hand:
            try:
                documents.append(self._judged.get(block=wait > 0 and not documents, timeout=wait or None))
            except Empty:
                break
            self.in_hand -= 1
        return self._keep(documents)

    def finish(self) -> list[ScoredDocument]:
        """Returns all scored documents in document order; scores those whose filters had to wait for the task's end.

        Documents that lack answers (of a run that was interrupted) are left out.
        """
        self.complete()
        return sorted(self._scored, key=lambda document: document.doc_id)

    def _score_complete(self) -> list[ScoredDocument]:
        complete, self._complete = self._complete, []
        return self._keep(self._score(complete))

    def _keep(self, documents: list[ScoredDocument]) -> list[ScoredDocument]:
        self._scored += documents
        self.failed += [document for document in documents if document.error is not None]
        return documents

    def _score(self, documents: list[_Answered]) -> list[ScoredDocument]:
        results = [ScoredDocument(document.doc_id) for document in documents]
        own = {document.doc_id: result for document, result in zip(documents, results, strict=True)}
        for document in documents:
            if document.error is not None:
                _fail(own[document.doc_id], document.error)
        answered = [document for document in documents if document.error is None]
        shared = self._task.docs.shared([document.doc_id for document in answered])
        samples = self._samples(answered, shared)
        docs = list(map(fresh, shared))
        steps: list[_Step] = []
        for pipeline in self._pipelines if answered else ():
            columns = self._filter(pipeline, answered, docs)
            for document, doc, sample, filtered in zip(answered, docs, samples, columns, strict=True):
                result = own[document.doc_id]
                if isinstance(filtered, Exception):
                    _fail(result, f"filter '{pipeline.name}': {type(filtered).__name__}: {filtered}")
                else:
                    copied = sample if pipeline is self._pipelines[-1] else copy.copy(sample)
                    steps.append((result, copied, doc, pipeline.name, filtered))
        if self._panel is not None:
            return self._hand_over(self._panel, results, steps)
        self._score_steps(steps)
        return results

    def _hand_over(self, panel: Panel, results: list[ScoredDocument], steps: list[_Step]) -> list[ScoredDocument]:
        """Has threads score documents; returns those for which nothing is left to do."""
        own: dict[int, list[_Step]] = {}
        for step in steps:
            own.setdefault(step[0].doc_id, []).append(step)

        def score(document: ScoredDocument) -> None:
            self._score_steps(own[document.doc_id])
            self._judged.put(document)

        handed = [document for document in results if document.doc_id in own]
        self.in_hand += len(handed)
        for document in handed:
            panel.submit(partial(score, document))
        return [document for document in results if document.doc_id not in own]

    def _filter(
        self, pipeline: FilterPipeline, documents: list[_Answered], docs: list[dict[str, Any]]
    ) -> list[list[Any] | Exception]:
        """Returns for each document the filtered answers of its requests, or why there are none."""
        responses = self._responses(documents)
        flat = list(itertools.chain.from_iterable(responses))
        counts = [len(requests) for requests in responses]
        flat_docs = docs
        if len(flat) != len(docs):
            flat_docs = [doc for doc, count in zip(docs, counts, strict=True) for _ in range(count)]
        try:
            filtered = pipeline.apply(flat, flat_docs)
        except Exception as error:  # noqa: BLE001 - a filter may raise anything; it must cost its documents only
            if len(documents) == 1 or not self._streams:
                return [error] * len(documents)
            return [self._filter(pipeline, [document], [doc])[0] for document, doc in zip(documents, docs, strict=True)]
        ends = itertools.accumulate(counts)
        return [filtered[end - count : end] for count, end in zip(counts, ends, strict=True)]

    def _responses(self, documents: list[_Answered]) -> list[list[list[Any]]]:
        """Returns for each request of each document its list of answers: one a repeat for texts, one for choices."""
        kind = self._table.row_kind(documents[0].rows[0])
        if kind is _MULTI_ROUND:
            return [[[list(response.texts) for response in document.responses]] for document in documents]
        if not kind.generates or self._is_mixed:
            return [[[value] for value in document.values] for document in documents]
        tags, requests = self._reasoning_tags, []
        for document in documents:
            texts = document.values
            if tags:
                texts = [strip_thinking(text, tags) if isinstance(text, str) else text for text in texts]
            # A greedy answer to be repeated is asked once.
            requests.append([texts * self._repeats if len(texts) == 1 else list(texts)])
        return requests

    def _score_steps(self, steps: Iterable[_Step]) -> None:
        with noting() as notes:
            for step in steps:
                self._score_one(notes, *step)

    def _score_one(
        self, notes: Notes, scored: ScoredDocument, sample: Sample, doc: dict[str, Any], name: str, filtered: list[Any]
    ) -> None:
        """Scores a document under one filter; `sample` has what is the same under all of them, and gets the rest."""
        # take_first_k and its like give a request a list of answers: the task wants that list.
        results = filtered[0] if len(filtered) == 1 and isinstance(filtered[0], list) else filtered
        sample.filter, sample.filtered_resps = name, _plain(filtered)
        reason = None
        try:
            sample.target = self._task.doc_to_target(doc)
            values = {} if self._predict_only else self._task.process_results(doc, results)
        except Exception as error:  # noqa: BLE001 - task code may raise anything; it must cost one document only
            reason = f"{type(error).__name__}: {error}"
        if notes.judgements or notes.failure is not None:
            judgements, failure = notes.take()
            sample.judgements = [judgement.to_dict() for judgement in judgements] or None
            reason = failure or reason
        if reason is not None:
            _fail(scored, reason, sample)
            return
        if scored.error is None:
            scored.values[name] = values
        if self._task.cluster_key:
            scored.cluster = doc.get(self._task.cluster_key)
        sample.metrics = values
        scored.samples.append(sample)

    def _samples(self, documents: list[_Answered], docs: list[dict[str, Any]]) -> list[Sample]:
        """Returns the documents' samples with the fields that are the same under every filter."""
        rows = [row for document in documents for row in document.rows]
        prompts = self._prompts([document.rows[0] for document in documents])
        texts = self._table.continuation_texts(rows)
        keys = None if self._keys is None else _hex_keys(self._keys, rows)
        media = self._task.docs.media_columns
        samples: list[Sample] = []
        end = 0
        for document, doc, (prompt, context) in zip(documents, docs, prompts, strict=True):
            responses = document.responses
            start, end = end, end + len(responses)
            sample = Sample(
                doc_id=document.doc_id,
                doc=without_media(doc) if media else dict(doc),
                prompt=prompt,
                context=context,
                resps=_plain(document.values),
                finish_reason=responses[0].finish_reason,
                prompt_tokens=sum([response.prompt_tokens for response in responses]),
                output_tokens=sum([response.output_tokens for response in responses]),
                request_keys=None if keys is None else keys[start:end],
            )
            if responses[0].logprob is not None:
                sample.continuations = [text or "" for text in texts[start:end]]
                sample.logprobs = [response.logprob for response in responses if response.logprob is not None]
                sample.is_greedy = [bool(response.is_greedy) for response in responses]
                sample.scored_tokens = [response.output_tokens for response in responses]
            samples.append(sample)
        return samples

    def _prompts(self, rows: list[int]) -> list[tuple[str, str]]:
        """Returns for each row the exact text that the model was shown, and the text without template and media."""
        if self._table.chat[rows].any():
            return [(self._show_prompt(row), row.prompt.plain_text()) for row in self._table.rows(rows)]
        texts = self._table.prompt_texts(rows)  # of a plain prompt that is the same
        return list(zip(texts, texts, strict=True))


def _plain(values: list[Any]) -> list[Any]:
    """Returns the values with pairs in place of scores, which JSON writes at once."""
    return [tuple(value) for value in values] if values and type(values[0]) is Score else list(values)


def _hex_keys(keys: NDArray[np.uint8], rows: list[int]) -> list[str]:
    """Returns rows' keys in hexadecimal digits."""
    digits = keys[rows].tobytes().hex()
    return [digits[start : start + 32] for start in range(0, len(digits), 32)]


def _failed(doc_id: int, reason: str) -> ScoredDocument:
    document = ScoredDocument(doc_id)
    _fail(document, reason)
    return document


def _fail(document: ScoredDocument, reason: str, sample: Sample | None = None) -> None:
    """Turns a document into an error row: no values under any filter, and a sample that says why."""
    document.error, document.values = reason, {}
    sample = sample or Sample(doc_id=document.doc_id)
    sample.error = reason
    document.samples.append(sample)
