"""`PairedScores`: what two runs scored on the same documents, and what that says about the difference.

| scores                                | p-value                     | interval                               |
|---------------------------------------|-----------------------------|----------------------------------------|
| right or wrong, independent documents | McNemar, exact              | Tango's score interval                 |
| anything else                         | clustered paired bootstrap  | the same, studentised                  |
| … but under 10 clusters differ        | sign test over the clusters | exact limits on how many can differ    |

Resampling has nothing to draw from where hardly a cluster differs: it would call the difference certain. There, the
number of clusters that can differ is limited exactly (Clopper and Pearson), and each is taken to differ as much as the
most different one that was seen, or as the square root of its documents would by the whole range of the scores: as if
results about one image had an intraclass correlation of about a quarter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fasteval.comparison.mcnemar import (
    detectable_difference,
    detectable_share,
    mcnemar_p_value,
    tango_interval,
    upper_limit,
)
from fasteval.metrics.bootstrap import CHUNK, times_drawn

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MIN_DIFFERING", "ClusterSums", "PairedBootstrap", "PairedScores", "bootstrap_difference", "cluster_sums"]

#: Draws where they are cheap: the smallest p-value that can be told is one over this.
MAX_DRAWS = 20_000
#: Draws that are made whatever they cost.
MIN_DRAWS = 2_000
#: Numbers drawn, at most, beyond that: a second or so.
MAX_WORK = 50_000_000
#: What a multinomial count costs, in drawn clusters.
_COUNT_COST = 16
#: Clusters that must differ before the bootstrap has something to draw from.
MIN_DIFFERING = 10


@dataclass(frozen=True, slots=True)
class ClusterSums:
    """Differences summed over clusters.

    Attributes:
        sums: float64 (C,). Each cluster's sum of differences.
        sizes: float64 (C,). Each cluster's number of documents.
    """

    sums: NDArray[np.float64]
    sizes: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """The mean difference of a document."""
        return float(self.sums.sum() / self.sizes.sum())

    @property
    def standard_error(self) -> float:
        """The cluster-robust standard error of the mean, with the factor C / (C - 1); infinite for one cluster."""
        count = len(self.sums)
        if count < 2:
            return math.inf
        squares = float(((self.sums - self.mean * self.sizes) ** 2).sum())
        return math.sqrt(count / (count - 1) * squares) / float(self.sizes.sum())


@dataclass(frozen=True, slots=True)
class PairedBootstrap:
    """What the draws said about a mean difference: studentised (Efron and Tibshirani 1993, section 12.5).

    Whole clusters are drawn with replacement, as often as there are; each draw gives a mean and its standard error, and
    what is kept is how far the drawn mean lies from the observed one, in its own standard errors. A plain percentile
    interval is too narrow for few clusters; this one holds its level (benchmarks/comparison_simulation.py).

    Attributes:
        mean: the observed mean difference.
        standard_error: its cluster-robust standard error.
        distances: float64 (draws,), sorted. How far each draw lay from the mean, in standard errors of its own;
            infinite where all drawn clusters were alike.
    """

    mean: float
    standard_error: float
    distances: NDArray[np.float64]

    def interval(self, confidence: float) -> tuple[float, float]:
        """Returns the symmetric interval of this two-sided confidence; infinite where the draws cannot tell."""
        reach = self.quantile(confidence) * self.standard_error
        return self.mean - reach, self.mean + reach

    def quantile(self, confidence: float) -> float:
        """Returns how far a mean lies from the truth, in standard errors, with this probability at most."""
        position = min(len(self.distances) - 1, math.ceil(confidence * (len(self.distances) + 1)) - 1)
        return float(self.distances[position])

    @property
    def p_value(self) -> float:
        """How often a draw lay at least as far from the mean as the mean from zero, counting the data as one draw."""
        # Without any spread, as where one run is right and the other wrong everywhere, nothing lies further.
        observed = abs(self.mean) / self.standard_error if self.standard_error else math.inf
        further = len(self.distances) - int(np.searchsorted(self.distances, observed, side="left"))
        return (further + 1) / (len(self.distances) + 1)


def cluster_sums(differences: NDArray[np.float64], codes: NDArray[np.int64] | None) -> ClusterSums:
    """Returns the sums over clusters.

    Args:
        differences: float64 (N,).
        codes: int64 (N,). Each document's cluster, numbered from 0; None where each document stands for itself.
    """
    if codes is None:
        return ClusterSums(differences, np.ones(len(differences)))
    sums: NDArray[np.float64] = np.bincount(codes, weights=differences).astype(np.float64)
    sizes: NDArray[np.float64] = np.bincount(codes).astype(np.float64)
    return ClusterSums(sums, sizes)


def bootstrap_difference(clusters: ClusterSums, *, seed: int, draws: int = MAX_DRAWS) -> PairedBootstrap:
    """Returns what at most `draws` draws from at least two clusters say; equal arguments give equal results.

    Clusters with the same sum and the same size are the same to a mean, and their counts in a draw are multinomial.
    Where documents are right or wrong there are few kinds, and a draw costs as much as there are kinds, not clusters.
    """
    kinds, counts = np.unique(np.stack([clusters.sums, clusters.sizes]), axis=1, return_counts=True)
    total, mean = int(counts.sum()), clusters.mean
    by_kind = len(counts) * _COUNT_COST < total
    sums, sizes = kinds if by_kind else (clusters.sums, clusters.sizes)
    moments = np.stack([sums, sizes, sums * sums, sums * sizes, sizes * sizes], axis=1)
    generator = np.random.default_rng(seed)
    draws = min(draws, max(MIN_DRAWS, MAX_WORK // len(sums)))
    rows = max(1, CHUNK // len(sums))
    distances = []
    for start in range(0, draws, rows):
        size = min(rows, draws - start)
        drawn = generator.multinomial(total, counts / total, size) if by_kind else times_drawn(total, size, generator)
        distances.append(_distances(drawn @ moments, mean, total))
    return PairedBootstrap(mean, clusters.standard_error, np.sort(np.concatenate(distances)))


def _distances(drawn: NDArray[np.float64], mean: float, count: int) -> NDArray[np.float64]:
    """Returns how far each draw lies from `mean` in its own standard errors, from its moments, float64 (draws, 5)."""
    sums, sizes, squares, products, size_squares = drawn.T
    means = sums / sizes
    spread = np.maximum(0.0, squares - 2 * means * products + means**2 * size_squares)
    gaps = np.abs(means - mean)
    # What is left of equal clusters is rounding: no spread, and no gap.
    spread[spread <= 1e-12 * squares] = 0.0
    gaps[gaps <= 1e-12 * abs(mean)] = 0.0
    errors = np.sqrt(count / (count - 1) * spread) / sizes
    with np.errstate(divide="ignore", invalid="ignore"):
        distances: NDArray[np.float64] = np.where(errors > 0, gaps / errors, np.where(gaps > 0, np.inf, 0.0))
    return distances


@dataclass(frozen=True)  # no slots: what is computed once is kept
class PairedScores:
    """The scores of N documents in two runs.

    Attributes:
        base: float64 (N,), N >= 1. The scores of the run that is compared with.
        candidate: float64 (N,). Those of the other, for the same documents.
        codes: int64 (N,). Each document's cluster, numbered from 0; None where documents are independent.
        seed: of the bootstrap.
        draws: of the bootstrap, at most.
    """

    base: NDArray[np.float64]
    candidate: NDArray[np.float64]
    codes: NDArray[np.int64] | None = None
    seed: int = 1234
    draws: int = MAX_DRAWS

    @property
    def count(self) -> int:
        """The number of documents."""
        return len(self.base)

    @cached_property
    def clusters(self) -> ClusterSums:
        """The differences, candidate less base, summed over clusters."""
        return cluster_sums(self.candidate - self.base, self.codes)

    @property
    def mean(self) -> float:
        """The mean difference, candidate less base."""
        return self.clusters.mean

    @property
    def gained(self) -> int:
        """The number of documents with a higher score in the candidate."""
        return int(np.count_nonzero(self.candidate > self.base))

    @property
    def lost(self) -> int:
        """The number of documents with a lower score in the candidate."""
        return int(np.count_nonzero(self.candidate < self.base))

    @cached_property
    def is_right_or_wrong(self) -> bool:
        """Whether every score is 0 or 1."""
        return all(bool(np.isin(scores, (0.0, 1.0)).all()) for scores in (self.base, self.candidate))

    @property
    def is_clustered(self) -> bool:
        """Whether some cluster has more than one document."""
        return len(self.clusters.sums) < self.count

    @property
    def method(self) -> str:
        """How the p-value is computed: "mcnemar", "bootstrap" or "sign"."""
        if self.is_right_or_wrong and not self.is_clustered:
            return "mcnemar"
        return "bootstrap" if self._differing >= MIN_DIFFERING else "sign"

    @property
    def p_value(self) -> float:
        """How often so large a difference would come about if the two runs were equally good (two-sided)."""
        if self.method == "mcnemar":
            return mcnemar_p_value(self.gained, self.lost)
        return self._bootstrap.p_value if self.method == "bootstrap" else mcnemar_p_value(*self._signs)

    @property
    def mcnemar(self) -> float | None:
        """McNemar's exact p-value, which takes documents for independent; None where scores are not right or wrong."""
        return mcnemar_p_value(self.gained, self.lost) if self.is_right_or_wrong else None

    def interval(self, confidence: float) -> tuple[float, float]:
        """Returns the two-sided interval of this confidence for the mean difference over documents like these."""
        if self.method == "mcnemar":
            return tango_interval(self.gained, self.lost, self.count, confidence)
        if self.method == "bootstrap":
            return self._bootstrap.interval(confidence)
        above, below = self._signs
        count, one_sided = len(self.clusters.sums), (1 + confidence) / 2
        high, low = (upper_limit(differing, count, one_sided) * self._weight for differing in (above, below))
        return min(-low, self.mean), max(high, self.mean)

    def detectable(self, alpha: float) -> float | None:
        """Returns the smallest difference that a test at `alpha` finds with 80 % power; None if there is none."""
        if self.method == "bootstrap":
            return detectable_difference(self.clusters.standard_error, self._bootstrap.quantile(1 - alpha))
        if self.method == "mcnemar":
            return detectable_share(self.gained + self.lost, self.count, alpha)
        share = detectable_share(self._differing, len(self.clusters.sums), alpha)
        return None if share is None else share * self._weight

    @property
    def _signs(self) -> tuple[int, int]:
        """The numbers of clusters whose sum of differences is above, and below, zero."""
        sums = self.clusters.sums
        return int(np.count_nonzero(sums > 0)), int(np.count_nonzero(sums < 0))

    @property
    def _differing(self) -> int:
        return sum(self._signs)

    @cached_property
    def _weight(self) -> float:
        """By how much the mean moves, at most, for each share of the clusters that differs."""
        if self.is_right_or_wrong:
            score_range = 1.0
        else:
            scores = np.concatenate([self.base, self.candidate])
            score_range = float(scores.max() - scores.min()) or float(abs(scores[0])) or 1.0
        size = self.count / len(self.clusters.sums)
        return max(score_range * math.sqrt(size), float(np.abs(self.clusters.sums).max())) / size

    @cached_property
    def _bootstrap(self) -> PairedBootstrap:
        return bootstrap_difference(self.clusters, seed=self.seed, draws=self.draws)
