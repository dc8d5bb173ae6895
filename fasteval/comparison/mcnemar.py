"""Right or wrong twice: the exact test of McNemar, and Tango's interval for the difference of two paired shares."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

from fasteval.comparison.binomial import lower_tail

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["mcnemar_p_value", "tango_interval"]


def mcnemar_p_value(gained: int, lost: int) -> float:
    """Returns the two-sided p-value of the exact test (McNemar 1947): is a document as likely gained as lost?

    Only documents whose result differs say anything; of these, half are expected on either side.

    Args:
        gained: documents that only the second run has right.
        lost: documents that only the first run has right.
    """
    return min(1.0, 2.0 * lower_tail(min(gained, lost), gained + lost, 0.5))


def tango_interval(gained: int, lost: int, count: int, confidence: float) -> tuple[float, float]:
    """Returns the score interval (Tango 1998, Statistics in Medicine 17:891) for the difference of two paired shares.

    It holds its level where few documents differ, and even none: then the interval is not empty but says how much
    `count` documents can exclude.

    Args:
        gained: documents that only the second run has right.
        lost: documents that only the first run has right.
        count: all documents.
        confidence: of the two-sided interval.
    """
    quantile = NormalDist().inv_cdf((1 + confidence) / 2)

    def score(difference: float) -> float:
        """Tango's statistic; it falls as the difference that is put to the test grows."""
        gap = gained - lost - count * difference
        variance = count * (2 * _share_lost(gained, lost, count, difference) + difference * (1 - difference))
        return gap / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, gap) if gap else 0.0

    estimate = (gained - lost) / count
    low = _solve(score, quantile, -1.0, estimate)
    high = _solve(score, -quantile, estimate, 1.0)
    return low, high


def _share_lost(gained: int, lost: int, count: int, difference: float) -> float:
    """Returns the likeliest share of lost documents where the difference of the shares is given."""
    b = -gained - lost + (2 * count - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    return (math.sqrt(max(0.0, b * b - 8 * count * c)) - b) / (4 * count)


def _solve(score: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Returns where the falling function `score` crosses `target`, between `low` and `high`."""
    for _ in range(60):
        middle = (low + high) / 2
        if score(middle) > target:
            low = middle
        else:
            high = middle
    return (low + high) / 2
