"""`lmms_eval.api.metrics` and `lm_eval.api.metrics`: the few functions that task code calls directly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasteval.metrics.averages import mean, median
from fasteval.metrics.levenshtein import levenshtein
from fasteval.metrics.text_matching import anls as _anls
from fasteval.metrics.text_matching import exact_match

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["anls", "exact_match", "levenshtein_distance", "mean", "median", "metric_max_over_ground_truths"]


def levenshtein_distance(s1: str, s2: str) -> int:
    """Returns the least number of edits between two texts."""
    return levenshtein(s1, s2)


def anls(references: Sequence[str], predictions: Sequence[Any], thresh_hold: float = 0.5) -> dict[str, float]:
    """Returns the metric `anls` of one document under its name; a list of answers counts by its first one."""
    answer = predictions[0] if isinstance(predictions[0], str) else predictions[0][0]
    return {"anls": _anls(references=references, predictions=[answer], threshold=thresh_hold)}


def metric_max_over_ground_truths(
    metric_fn: Callable[[str, str], float], prediction: str, ground_truths: Iterable[str]
) -> float:
    """Returns the best score of `prediction` against any of the right answers."""
    return max(metric_fn(prediction, truth) for truth in ground_truths)
