"""Right or wrong twice: the exact test of McNemar, Tango's interval for the difference, and what both could have found.

Binomial tails are written out because a gate runs where little is installed, and these few lines are all that scipy
would be needed for; the tests hold them against scipy's.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["POWER", "detectable_difference", "detectable_share", "mcnemar_p_value", "mcnemar_power", "tango_interval"]
__all__ += ["lower_tail", "point", "upper_limit", "upper_tail"]

#: The share of tries in which the smallest detectable difference is found.
POWER = 0.8
#: Standard deviations beyond which nothing that a float could hold is left of a sum.
_REACH = 40.0
#: About as many numbers of differing documents are looked at.
_NODES = 30


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
    low = _turn(lambda difference: score(difference) > quantile, -1.0, estimate)
    high = _turn(lambda difference: score(difference) > -quantile, estimate, 1.0)
    return low, high


def _share_lost(gained: int, lost: int, count: int, difference: float) -> float:
    """Returns the likeliest share of lost documents where the difference of the shares is given."""
    b = -gained - lost + (2 * count - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    return (math.sqrt(max(0.0, b * b - 8 * count * c)) - b) / (4 * count)


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

    def is_missed(difference: float) -> bool:
        return mcnemar_power(difference, differing / count, count, alpha) < power

    return None if is_missed(1.0) else _turn(is_missed, 0.0, 1.0, steps=30)


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


def lower_tail(successes: int, trials: int, probability: float) -> float:
    """Returns P(X <= successes) for X binomial with `trials` and `probability`."""
    if successes < 0:
        return 0.0
    if successes >= trials or probability <= 0:
        return 1.0
    if probability >= 1:
        return 0.0
    if successes > trials * probability:
        # The short side is summed: the other would lose a small probability in rounding.
        return 1.0 - lower_tail(trials - successes - 1, trials, 1.0 - probability)
    reach = _REACH * (math.sqrt(trials * probability * (1 - probability)) + 1)
    first = max(0, math.floor(successes - reach))
    counts = np.arange(first, successes)
    steps = np.log((trials - counts) / (counts + 1)) + math.log(probability) - math.log1p(-probability)
    logs = _log_probability(first, trials, probability) + np.concatenate([[0.0], np.cumsum(steps)])
    return min(1.0, float(np.exp(logs).sum()))


def upper_tail(successes: int, trials: int, probability: float) -> float:
    """Returns P(X >= successes)."""
    return lower_tail(trials - successes, trials, 1.0 - probability)


def upper_limit(successes: int, trials: int, confidence: float) -> float:
    """Returns the largest share that `successes` of `trials` do not contradict (Clopper and Pearson 1934)."""
    if successes >= trials:
        return 1.0
    return _turn(lambda share: lower_tail(successes, trials, share) > 1 - confidence, successes / trials, 1.0)


def point(successes: int, trials: int, probability: float) -> float:
    """Returns P(X = successes)."""
    if probability in (0.0, 1.0):
        return float(successes == trials * probability)
    return math.exp(_log_probability(successes, trials, probability))


def _log_probability(successes: int, trials: int, probability: float) -> float:
    ways = math.lgamma(trials + 1) - math.lgamma(successes + 1) - math.lgamma(trials - successes + 1)
    return ways + successes * math.log(probability) + (trials - successes) * math.log1p(-probability)


def _turn(is_below: Callable[[float], bool], low: float, high: float, steps: int = 60) -> float:
    """Returns from where on, between `low` and `high`, a number is no longer below what is looked for."""
    for _ in range(steps):
        middle = (low + high) / 2
        if is_below(middle):
            low = middle
        else:
            high = middle
    return high
