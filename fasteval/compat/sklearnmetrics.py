"""`sklearn.metrics`, where the package is not installed: the two scores that task code asks for, computed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasteval.compat.missing import refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["accuracy_score", "f1_score", "matthews_corrcoef", "precision_score", "recall_score", "roc_curve"]

_REASON = "it needs scikit-learn: pip install scikit-learn"

precision_score = refuse("sklearn.metrics.precision_score", _REASON)
recall_score = refuse("sklearn.metrics.recall_score", _REASON)
# transformers takes the stand-in for the package, and imports these two.
matthews_corrcoef = refuse("sklearn.metrics.matthews_corrcoef", _REASON)
roc_curve = refuse("sklearn.metrics.roc_curve", _REASON)


def accuracy_score(y_true: Sequence[Any], y_pred: Sequence[Any], **options: Any) -> float:
    """Returns the share of equal labels; options are refused.

    Raises:
        UnsupportedError: an option is given.
    """
    if options:
        refuse(f"sklearn.metrics.accuracy_score with {', '.join(options)}", _REASON)()
    pairs = list(zip(y_true, y_pred, strict=True))
    return sum(bool(truth == answer) for truth, answer in pairs) / len(pairs)


def f1_score(
    y_true: Sequence[Any], y_pred: Sequence[Any], *, average: str | None = "binary", pos_label: Any = 1, **options: Any
) -> float:
    """Returns the F1 score of `pos_label` ("binary"), or the mean over all labels ("macro", "weighted", "micro").

    Raises:
        UnsupportedError: another average or a further option is given.
    """
    if options or average not in ("binary", "macro", "micro", "weighted"):
        refuse(f"sklearn.metrics.f1_score with {', '.join(options) or f'average={average}'}", _REASON)()
    if average == "micro":  # with one label each, every wrong answer is a false positive and a false negative
        return accuracy_score(y_true, y_pred)
    pairs = list(zip(y_true, y_pred, strict=True))
    labels = [pos_label] if average == "binary" else list(dict.fromkeys(label for pair in pairs for label in pair))
    scores, weights = [], []
    for label in labels:
        truths = sum(truth == label for truth, _ in pairs)
        found = sum(answer == label for _, answer in pairs)
        right = sum(truth == answer == label for truth, answer in pairs)
        scores.append(2 * right / (truths + found) if truths + found else 0.0)
        weights.append(truths if average == "weighted" else 1)
    return sum(score * weight for score, weight in zip(scores, weights, strict=True)) / sum(weights)
