"""The clustered paired bootstrap of a mean difference, studentised (Efron and Tibshirani 1993, section 12.5).

Whole clusters are drawn with replacement, as often as there are; each draw gives a mean and its standard error, and
what is kept is how far the drawn mean lies from the observed one, in its own standard errors. A plain percentile
interval is too narrow for few clusters; this one holds its level (benchmarks/comparison_simulation.py).

Clusters with the same sum and the same size are the same to a mean, and their counts in a draw are multinomial. Where
documents are right or wrong there are few kinds, and a draw costs as much as there are kinds, not clusters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fasteval.metrics.bootstrap import CHUNK, times_drawn

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ClusterSums", "PairedBootstrap", "bootstrap_difference", "cluster_sums"]

#: Draws where they are cheap: the smallest p-value that can be told is one over this.
MAX_DRAWS = 20_000
#: Draws that are made whatever they cost.
MIN_DRAWS = 2_000
#: Numbers drawn, at most, beyond that: a second or so.
MAX_WORK = 50_000_000
#: What a multinomial count costs, in drawn clusters.
_COUNT_COST = 16


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
    """What the draws said about a mean difference.

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
    """Returns what at most `draws` draws from at least two clusters say; equal arguments give equal results."""
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
