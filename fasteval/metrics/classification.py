"""Aggregations of (gold, predicted) pairs: F1 and Matthews' correlation, from counts; and the Brier score.

A set of documents enters F1 and correlation only through its confusion counts. So a bootstrap needs to draw counts,
not documents, and both functions take many sets of counts at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fasteval.api.registry import register_aggregation
from fasteval.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

__all__ = [
    "Confusion",
    "brier_score",
    "brier_scores",
    "correlation_of_counts",
    "f1",
    "f1_macro",
    "f1_macro_of_counts",
    "f1_of_counts",
    "mcc",
]


@dataclass(frozen=True, slots=True)
class Confusion:
    """The pairs of labels that occur, C of them among K labels, in N documents.

    Attributes:
        labels: the K labels, in order of appearance.
        gold: int64 (C,). Index of each pair's gold label.
        predicted: int64 (C,). Index of each pair's predicted label.
        pair: int64 (N,). Index of each document's pair.
    """

    labels: tuple[Hashable, ...]
    gold: NDArray[np.int64]
    predicted: NDArray[np.int64]
    pair: NDArray[np.int64]

    @classmethod
    def from_items(cls, items: Sequence[Any]) -> Confusion:
        """Returns the confusion of `items`, which are (gold, predicted) pairs.

        Raises:
            UsageError: an item is not a pair of single labels.
        """
        labels: dict[Hashable, int] = {}
        pairs: dict[tuple[int, int], int] = {}
        documents = []
        for item in items:
            try:
                gold, predicted = item
                key = (labels.setdefault(gold, len(labels)), labels.setdefault(predicted, len(labels)))
            except (TypeError, ValueError):
                raise UsageError(f"f1 and mcc need pairs of a gold and a predicted label, got {item!r}") from None
            documents.append(pairs.setdefault(key, len(pairs)))
        cells = np.array(list(pairs), np.int64).reshape(-1, 2)
        return cls(tuple(labels), cells[:, 0], cells[:, 1], np.array(documents, np.int64))

    def counts(self) -> NDArray[np.float64]:
        """Returns how many documents have each pair, float64 (1, C)."""
        return np.bincount(self.pair, minlength=len(self.gold))[None].astype(np.float64)

    def margins(self, counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Returns for B sets of counts (B, C): right answers, golds and predictions of each label, each (B, K)."""
        shape = (len(counts), len(self.labels))
        right, golds, predictions = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        for pair, (gold, predicted) in enumerate(zip(self.gold, self.predicted, strict=True)):
            golds[:, gold] += counts[:, pair]
            predictions[:, predicted] += counts[:, pair]
            if gold == predicted:
                right[:, gold] += counts[:, pair]
        return right, golds, predictions


@register_aggregation("f1")
def f1(items: Sequence[Any]) -> float:
    """Returns the F1 score of label 1, for the labels 0 and 1 (or False and True); 0 where label 1 never occurs.

    Equal to `sklearn.metrics.f1_score(golds, predictions)`, which is what lm-eval and lmms-eval aggregate with.

    Args:
        items: (gold, predicted) pairs.

    Raises:
        UsageError: other labels occur; `f1_macro` takes any.
    """
    return _only(f1_of_counts, items)


@register_aggregation("f1_macro")
def f1_macro(items: Sequence[Any]) -> float:
    """Returns the unweighted mean of the F1 scores of all labels that occur among golds or predictions.

    Equal to `sklearn.metrics.f1_score(golds, predictions, average="macro")`.

    Args:
        items: (gold, predicted) pairs; labels may be anything hashable.
    """
    return _only(f1_macro_of_counts, items)


@register_aggregation("mcc")
@register_aggregation("matthews_corrcoef")
def mcc(items: Sequence[Any]) -> float:
    """Returns Matthews' correlation coefficient, from -1 to 1; 0 where golds or predictions are all the same.

    For more than two labels it is Gorodkin's R_K (2004). Equal to `sklearn.metrics.matthews_corrcoef`.

    Args:
        items: (gold, predicted) pairs; labels may be anything hashable.
    """
    return _only(correlation_of_counts, items)


def _only(statistic: Any, items: Sequence[Any]) -> float:
    if not len(items):
        return float("nan")
    confusion = Confusion.from_items(items)
    return float(statistic(confusion, confusion.counts())[0])


def f1_of_counts(confusion: Confusion, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns `f1` of B sets of counts (B, C), shape (B,)."""
    others = [label for label in confusion.labels if label not in (0, 1)]
    if others:
        raise UsageError(
            f"f1 is for the labels 0 and 1, and {others[0]!r} occurs: take the aggregation f1_macro instead"
        )
    if 1 not in confusion.labels:
        return np.zeros(len(counts))
    positive = confusion.labels.index(1)
    right, golds, predictions = (margin[:, positive] for margin in confusion.margins(counts))
    return _ratio(2 * right, golds + predictions)


def f1_macro_of_counts(confusion: Confusion, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns `f1_macro` of B sets of counts (B, C), shape (B,)."""
    right, golds, predictions = confusion.margins(counts)
    occurrences = golds + predictions
    scores: NDArray[np.float64] = _ratio(2 * right, occurrences).sum(1) / (occurrences > 0).sum(1)
    return scores


def correlation_of_counts(confusion: Confusion, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns `mcc` of B sets of counts (B, C), shape (B,)."""
    right, golds, predictions = confusion.margins(counts)
    total = counts.sum(1)
    covariance = right.sum(1) * total - (golds * predictions).sum(1)
    gold_variance = total**2 - (golds**2).sum(1)
    predicted_variance = total**2 - (predictions**2).sum(1)
    # The roots apart: a product of two variances is a fourth power of the number of documents.
    return _ratio(covariance, np.sqrt(gold_variance) * np.sqrt(predicted_variance))


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns `above / below`, and 0 where `below` is."""
    return np.divide(above, below, out=np.zeros_like(below), where=below != 0)


@register_aggregation("brier_score")
def brier_score(items: Sequence[Any]) -> float:
    """Returns the mean Brier score, from 0 (best) to 2 (Brier 1950, in its original form over all classes).

    Args:
        items: pairs of the right class's number and the probabilities of all classes.

    Raises:
        UsageError: the right class is not one of the classes.
    """
    return float(brier_scores(items).mean()) if len(items) else float("nan")


def brier_scores(items: Sequence[Any]) -> NDArray[np.float64]:
    """Returns for each document the squared distance between its probabilities and its right class, float64 (N,)."""
    scores = np.empty(len(items))
    for index, (gold, probabilities) in enumerate(items):
        distances = np.array(probabilities, np.float64)
        if not 0 <= gold < len(distances):
            raise UsageError(f"brier_score: the right class {gold} is not one of the {len(distances)} classes")
        distances[gold] -= 1
        scores[index] = (distances**2).sum()
    return scores
