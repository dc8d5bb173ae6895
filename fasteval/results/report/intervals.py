"""95 % confidence intervals of scores."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

from fasteval.metrics.stderr import standard_error

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

__all__ = ["Interval", "interval_of_mean", "interval_of_stderr"]

#: Standard errors on either side of a value that hold the truth in 95 of 100 cases: 1.96.
QUANTILE = NormalDist().inv_cdf(0.975)


class Interval(NamedTuple):
    """From where to where the truth lies in 95 of 100 cases."""

    low: float
    high: float

    def of_share(self) -> Interval:
        """Returns the part of it that lies between 0 and 1: a share has no other values."""
        return Interval(max(0.0, self.low), min(1.0, self.high))


def interval_of_stderr(value: float, stderr: object, count: int | None = None) -> Interval | None:
    """Returns the normal interval around a value; None if its standard error is no positive number.

    A standard error of 0 comes of documents that all have one value, and says nothing of the next one: where that value
    is 0 or 1, and `count` says of how many documents, the interval is that of a share.
    """
    if not isinstance(stderr, int | float) or not math.isfinite(stderr):
        return None
    if stderr <= 0:
        return _wilson(value * count, count) if count and value in (0, 1) else None
    return Interval(value - QUANTILE * stderr, value + QUANTILE * stderr)


def interval_of_mean(values: Sequence[float], clusters: Sequence[Hashable] | None = None) -> Interval | None:
    """Returns the interval of a mean, or None where there is too little to tell.

    For values of 0 and 1 that stand for themselves it is Wilson's (1927), which holds for few documents and near 0 and
    1; else the normal one, by the cluster-robust standard error where clusters are given.
    """
    if not values:
        return None
    is_share = all(value in (0.0, 1.0) for value in values)
    if is_share and (clusters is None or len(set(values)) == 1):
        return _wilson(sum(values), len(values))
    stderr = standard_error("mean", values, clusters=clusters)
    interval = interval_of_stderr(math.fsum(values) / len(values), stderr)
    return interval.of_share() if interval is not None and is_share else interval


def _wilson(successes: float, count: int) -> Interval:
    share, square = successes / count, QUANTILE**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = QUANTILE / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    return Interval(middle - half, middle + half).of_share()
