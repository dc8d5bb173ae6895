"""Generic scoring: one document's filtered answers become the values of the task's metrics."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from fasteval.errors import DocumentError
from fasteval.tasks.choices import score_choices
from fasteval.tasks.functions import accepted_arguments
from fasteval.tasks.judged import JudgeRule, is_judged
from fasteval.tasks.metrics import resolve_metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fasteval.tasks.config import TaskConfig
    from fasteval.tasks.fields import DocumentFields
    from fasteval.tasks.metrics import TaskMetric

__all__ = ["Scorer", "score_continuation", "score_rolling", "score_texts"]

# These see all right answers at once; for others the best value over the right answers counts.
_OF_ALL_TARGETS = frozenset({"anls", "bleu", "chrf", "ter"})


class Scorer:
    """The scoring of one task: its own `process_results`, or the metrics of its output type."""

    def __init__(self, config: TaskConfig) -> None:
        """Finds the task's metrics.

        Raises:
            TaskFileError: a metric or an aggregation is not known.
        """
        self._config = config
        self._metrics = resolve_metrics(config)
        self._judge = None if config.judge is None else JudgeRule(**config.judge)

    def aggregation(self) -> dict[str, Callable[..., Any]]:
        """Returns for each metric the function that turns the documents' values into the result."""
        return {metric.name: metric.aggregation for metric in self._metrics}

    def higher_is_better(self) -> dict[str, bool]:
        """Returns for each metric whether higher is better."""
        return {metric.name: metric.higher_is_better for metric in self._metrics}

    def score(
        self, fields: DocumentFields, doc: dict[str, Any], results: Sequence[Any], full_docs: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        """Returns the metrics' values for one document.

        Args:
            fields: what the document's fields say.
            doc: the document.
            results: its filtered answers.
            full_docs: all documents, for a `process_results` that asks for them.

        Raises:
            DocumentError: the answers cannot be scored.
        """
        output_type = self._config.output_type
        if output_type.startswith("generate"):
            results = _stripped(results)
        if self._judge is not None:
            return self._judged(self._judge, fields, doc, results, full_docs)
        if self._config.process_results is not None:
            return self._own(doc, results, full_docs)
        if output_type == "multiple_choice":
            return score_choices(self._metrics, fields, doc, results)
        if output_type == "loglikelihood":
            return score_continuation(self._metrics, results)
        if output_type == "loglikelihood_rolling":
            return score_rolling(self._metrics, fields.answer(doc), results)
        return score_texts(self._metrics, fields, doc, results)

    def _judged(
        self,
        judge: JudgeRule,
        fields: DocumentFields,
        doc: dict[str, Any],
        results: Sequence[Any],
        full_docs: Sequence[dict[str, Any]],
    ) -> dict[str, Any]:
        """Returns the judge's values, the mean over several answers, beside those of the other metrics."""
        others = [metric for metric in self._metrics if not is_judged(self._config, metric.name)]
        values = {}
        if self._config.process_results is not None:
            values = self._own(doc, results, full_docs)
        elif others:
            values = score_texts(others, fields, doc, results)
        if not results:
            raise DocumentError("the filters left no answer")
        question = fields.question(doc)
        target = "" if fields.target is None else fields.answer(doc)
        given = [judge.values(doc, question, target, str(result)) for result in results]
        return values | {name: _mean(name, [one[name] for one in given]) for name in given[0]}

    def _own(self, doc: dict[str, Any], results: Sequence[Any], full_docs: Sequence[dict[str, Any]]) -> dict[str, Any]:
        function = self._config.process_results
        offered = {"full_docs": full_docs} if self._config.full_docs else {}
        values = function(doc, results, **accepted_arguments(function, offered)) if function is not None else None
        if not isinstance(values, dict):
            raise DocumentError(f"process_results must return a mapping of metrics, got {values!r}")
        return values


def _stripped(results: Sequence[Any]) -> list[Any]:
    """Returns generated answers without whitespace around them.

    Where a filter kept several answers to the one request (`take_first_k`), those are the answers.
    """
    answers = results[0] if len(results) == 1 and isinstance(results[0], list) else results
    return [answer.strip() if isinstance(answer, str) else answer for answer in answers]


def score_texts(
    metrics: Sequence[TaskMetric], fields: DocumentFields, doc: dict[str, Any], results: Sequence[Any]
) -> dict[str, Any]:
    """Returns the metrics' values for generated texts; over several answers their mean.

    Raises:
        DocumentError: there is no right answer, or a metric's values over several answers have no mean.
    """
    target = fields.doc_to_target(doc)
    if isinstance(target, int) and not isinstance(target, bool) and fields.choice is not None:
        target = fields.answer(doc)
    targets = list(target) if isinstance(target, list | tuple) else [target]
    if not targets or target is None:
        raise DocumentError("doc_to_target: there is no right answer")
    values: dict[str, Any] = {}
    for metric in metrics:
        if metric.name == "bypass":
            values[metric.name] = None
            continue
        scores = [_score_text(metric, targets, result) for result in results]
        if not scores:
            raise DocumentError("the filters left no answer")
        # A metric may give several numbers, under names of its own.
        if isinstance(scores[0], dict):
            values |= {name: _mean(name, [score[name] for score in scores]) for name in scores[0]}
        else:
            values[metric.name] = _mean(metric.name, scores)
    return values


def _score_text(metric: TaskMetric, targets: list[Any], result: Any) -> Any:
    if metric.function is None:
        raise DocumentError(f"the metric '{metric.name}' has no function")
    if metric.name in _OF_ALL_TARGETS:
        return metric.function(references=targets, predictions=[result], **metric.options)
    scores = [metric.function(references=[target], predictions=[result], **metric.options) for target in targets]
    if len(scores) == 1:
        return scores[0]
    if isinstance(scores[0], dict):
        return {name: max(score[name] for score in scores) for name in scores[0]}
    return max(scores)


def _mean(name: str, scores: list[Any]) -> Any:
    if len(scores) == 1:
        return scores[0]
    try:
        return sum(scores) / len(scores)
    except TypeError:
        raise DocumentError(f"the metric '{name}' has no mean over {len(scores)} answers: keep one") from None


def score_continuation(metrics: Sequence[TaskMetric], results: Sequence[tuple[float, bool]]) -> dict[str, Any]:
    """Returns the metrics' values for one continuation: log-probability, and whether greedy decoding gives it."""
    logprob, is_greedy = results[0]
    values = {"perplexity": logprob, "acc": float(is_greedy), "bypass": None}
    return {metric.name: values[metric.name] for metric in metrics}


def score_rolling(metrics: Sequence[TaskMetric], text: str, results: Sequence[Any]) -> dict[str, Any]:
    """Returns the metrics' values for a whole text: its log-probability and its length in words or bytes."""
    result = results[0]
    logprob = float(result[0] if isinstance(result, tuple | list) else result)
    if not math.isfinite(logprob):
        raise DocumentError(f"the text's log-probability is {logprob}")
    words, size = len(re.split(r"\s+", text)), len(text.encode())
    values = {
        "word_perplexity": (logprob, words),
        "byte_perplexity": (logprob, size),
        "bits_per_byte": (logprob, size),
        "bypass": None,
    }
    return {metric.name: values[metric.name] for metric in metrics}
