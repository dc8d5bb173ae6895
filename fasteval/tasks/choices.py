"""Scoring of multiple choice: the choices' log-probabilities become the values of the task's metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fasteval.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fasteval.tasks.fields import DocumentFields
    from fasteval.tasks.metrics import TaskMetric

__all__ = ["CHOICE_METRICS", "UNCONDITIONAL_METRIC", "ScoredChoices", "score_choices"]

#: The metric that wants each choice's log-probability without the question, too.
UNCONDITIONAL_METRIC = "acc_mutual_info"


@dataclass(slots=True)  # not frozen: one is made for each document, and freezing costs five times as much
class ScoredChoices:
    """The K choices of a document with their scores.

    Attributes:
        texts: the choices.
        logprobs: K of them. Natural logarithms of their probabilities behind the question.
        results: K of them. (log-probability, whether greedy decoding gives it), perhaps with a number of `tokens`.
        unconditional: K of them. The same logarithms without the question; empty where nobody asked.
        golds: the numbers of the right choices, at least one.
    """

    texts: Sequence[str]
    logprobs: Sequence[float]
    results: Sequence[tuple[float, bool]]
    unconditional: Sequence[float]
    golds: Sequence[int]

    def is_right(self, scores: Sequence[float]) -> float:
        """Returns 1 if the choice with the highest of its K `scores` is a right one, else 0."""
        return float(_highest(scores) in self.golds)

    def by_bytes(self) -> float:
        """Returns whether the most probable choice by byte of UTF-8 is right, which no tokenizer has a say in."""
        sizes = [len(text) if text.isascii() else len(text.encode()) for text in self.texts]
        return self.is_right([logprob / (size or 1) for logprob, size in zip(self.logprobs, sizes, strict=True)])

    def by_tokens(self) -> float:
        """Returns whether the most probable choice by token is right.

        Raises:
            DocumentError: the model does not tell how many tokens the choices have.
        """
        tokens = [getattr(result, "tokens", 0) for result in self.results]
        if not all(tokens):
            raise DocumentError("acc_norm_tokens: the model does not tell how many tokens the choices have")
        return self.is_right([logprob / count for logprob, count in zip(self.logprobs, tokens, strict=True)])

    def by_mutual_information(self) -> float:
        """Returns whether the choice that the question makes more probable than any other is right.

        The score is log P(choice | question) - log P(choice), as in lm-eval (Brown et al. 2020, arXiv:2005.14165,
        §2.4).
        """
        if not len(self.unconditional):
            raise DocumentError(f"{UNCONDITIONAL_METRIC}: the choices were not scored without the question")
        return self.is_right(np.subtract(self.logprobs, self.unconditional).tolist())

    def margin(self) -> float:
        """Returns by how much (in nats) the best right choice is more probable than the best wrong one.

        Raises:
            DocumentError: there is no wrong choice.
        """
        is_gold = np.isin(np.arange(len(self.logprobs)), self.golds)
        if is_gold.all():
            raise DocumentError("margin: every choice is a right one")
        logprobs = np.array(self.logprobs)
        return float(logprobs[is_gold].max() - logprobs[~is_gold].max())

    def labels(self) -> tuple[int, int]:
        """Returns the numbers of the first right choice and of the most probable one."""
        return self.golds[0], _highest(self.logprobs)

    def probabilities(self) -> list[float]:
        """Returns the choices' probabilities, given that one of them is the answer."""
        exponents = np.exp(np.array(self.logprobs) - np.max(self.logprobs))
        shares: list[float] = (exponents / exponents.sum()).tolist()
        return shares


#: Metric -> its value for one document.
CHOICE_METRICS: Mapping[str, Callable[[ScoredChoices], Any]] = {
    "acc": lambda choices: choices.is_right(choices.logprobs),
    "acc_norm": ScoredChoices.by_bytes,
    "acc_bytes": ScoredChoices.by_bytes,  # lm-eval's name; its own acc_norm divides by characters
    "acc_norm_tokens": ScoredChoices.by_tokens,
    UNCONDITIONAL_METRIC: ScoredChoices.by_mutual_information,
    "exact_match": lambda choices: float(any(choices.results[gold][1] for gold in choices.golds)),
    "f1": ScoredChoices.labels,
    "mcc": ScoredChoices.labels,
    "brier_score": lambda choices: (choices.golds[0], choices.probabilities()),
    "margin": ScoredChoices.margin,
    "likelihood": lambda choices: (choices.golds[0], choices.logprobs),
    "bypass": lambda _: None,
}


def score_choices(
    metrics: Sequence[TaskMetric], fields: DocumentFields, doc: dict[str, Any], results: Sequence[tuple[float, bool]]
) -> dict[str, Any]:
    """Returns the metrics' values for the choices' scores; the most probable choice is the answer.

    Args:
        metrics: the task's metrics.
        fields: what the document's fields say.
        doc: the document.
        results: (log-probability, whether it is greedy) of each choice, and where `acc_mutual_info` is wanted then of
            each choice without the question.

    Raises:
        DocumentError: the right answer is none of the choices, their number is not that of the results, or a metric
            has no value.
    """
    texts = fields.doc_to_choice(doc)
    count = len(texts)
    if len(results) != count * (2 if UNCONDITIONAL_METRIC in [metric.name for metric in metrics] else 1):
        raise DocumentError(f"{len(results)} log-probabilities for {count} choices")
    logprobs = [float(logprob) for logprob, _ in results]
    choices = ScoredChoices(
        texts,
        logprobs[:count],
        results[:count],
        logprobs[count:],
        _gold_indices(fields, doc, texts),
    )
    return {metric.name: CHOICE_METRICS[metric.name](choices) for metric in metrics}


def _highest(scores: Sequence[float]) -> int:
    """Returns the number of the highest score, the first of equal ones; NaN is the highest, as to numpy."""
    total = sum(scores)  # a list of four is looked through before numpy has made an array of it
    return scores.index(max(scores)) if total == total else int(np.argmax(scores))  # noqa: PLR0124 - NaN is not


def _gold_indices(fields: DocumentFields, doc: dict[str, Any], choices: list[str]) -> list[int]:
    # Where the choices are the questions, the target is what continues them.
    number = fields.question_number(doc)
    gold = fields.doc_to_target(doc) if number is None else number
    golds = list(gold) if isinstance(gold, list | tuple) else [gold]
    indices = []
    for entry in golds:
        if isinstance(entry, str) and entry in choices:
            indices.append(choices.index(entry))
        elif isinstance(entry, int | np.integer) and 0 <= entry < len(choices):
            indices.append(int(entry))
        else:
            raise DocumentError(f"the right answer {entry!r} is none of the choices {choices!r}")
    if not indices:
        raise DocumentError("doc_to_target: there is no right answer")
    return indices
