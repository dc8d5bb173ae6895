"""Exact binomial tails and what is solved from them.

Written out because a gate runs where little is installed, and these few lines are all that scipy would be needed for;
the tests hold them against scipy's.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = ["lower_tail", "point", "upper_limit", "upper_tail"]

#: Standard deviations beyond which nothing that a float could hold is left of a sum.
_REACH = 40.0


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
    low, high = successes / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if lower_tail(successes, trials, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def point(successes: int, trials: int, probability: float) -> float:
    """Returns P(X = successes)."""
    if probability in (0.0, 1.0):
        return float(successes == trials * probability)
    return math.exp(_log_probability(successes, trials, probability))


def _log_probability(successes: int, trials: int, probability: float) -> float:
    ways = math.lgamma(trials + 1) - math.lgamma(successes + 1) - math.lgamma(trials - successes + 1)
    return ways + successes * math.log(probability) + (trials - successes) * math.log1p(-probability)
