"""The smallest difference that a comparison of this size would have found, in four of five tries."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

from fasteval.comparison.binomial import lower_tail, point, upper_tail

__all__ = ["POWER", "detectable_difference", "detectable_share", "mcnemar_power"]

#: The share of tries in which the smallest detectable difference is found.
POWER = 0.8
#: About as many numbers of differing documents are looked at.
_NODES = 30


def detectable_difference(standard_error: float, critical: float, power: float = POWER) -> float | None:
    """Returns the difference that a test finds with probability `power`; None if no difference would do.

    Args:
        standard_error: of the mean difference.
        critical: how many standard errors from zero the test calls real: 1.96 by the normal law, more where there are
            few clusters.
        power: how often the difference is to be found.
    """
    return (critical + NormalDist().inv_cdf(power)) * standard_error if math.isfinite(critical) else None


def detectable_share(differing: int, count: int, alpha: float, power: float = POWER) -> float | None:
    """Returns the same for McNemar's exact test; None if no difference at all would be found among so few documents.

    Args:
        differing: documents whose result differs. As large a share is expected again; a larger difference needs more.
        count: all documents.
        alpha: level of the test.
        power: how often the difference is to be found.
    """
    share = differing / count
    low, high = 0.0, 1.0
    if mcnemar_power(1.0, share, count, alpha) < power:
        return None
    for _ in range(30):
        middle = (low + high) / 2
        if mcnemar_power(middle, share, count, alpha) < power:
            low = middle
        else:
            high = middle
    return high


def mcnemar_power(difference: float, differing: float, count: int, alpha: float) -> float:
    """Returns how often McNemar's exact test at `alpha` finds a true `difference`.

    Args:
        difference: of the two shares, from 0 to 1.
        differing: share of documents whose result differs; taken to be at least `difference`.
        count: documents.
        alpha: level of the test.
    """
    differing = max(differing, difference)
    if differing == 0:
        return 0.0
    gained = (differing + difference) / (2 * differing)
    reach = 5 * math.sqrt(count * differing * (1 - differing)) + 1
    first, last = max(0, math.floor(count * differing - reach)), min(count, math.ceil(count * differing + reach))
    found = total = 0.0
    for pairs in range(first, last + 1, (last - first) // _NODES | 1):  # odd: both parities
        weight = point(pairs, count, differing)
        most = _most_on_the_short_side(pairs, alpha)
        found += weight * (lower_tail(most, pairs, gained) + upper_tail(pairs - most, pairs, gained))
        total += weight
    return found / total


@lru_cache(maxsize=4096)
def _most_on_the_short_side(pairs: int, alpha: float) -> int:
    """Returns the largest number on the rarer side with which a difference is still found; -1 if there is none."""
    most = max(-1, math.floor(NormalDist(pairs / 2, math.sqrt(pairs) / 2).inv_cdf(alpha / 2))) if pairs else -1
    while 2 * lower_tail(most + 1, pairs, 0.5) <= alpha:
        most += 1
    while most >= 0 and 2 * lower_tail(most, pairs, 0.5) > alpha:
        most -= 1
    return most
