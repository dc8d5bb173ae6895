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

from fasteval.comparison.bootstrap import MAX_DRAWS, ClusterSums, PairedBootstrap, bootstrap_difference, cluster_sums
from fasteval.comparison.mcnemar import (
    detectable_difference,
    detectable_share,
    mcnemar_p_value,
    tango_interval,
    upper_limit,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MIN_DIFFERING", "PairedScores"]

#: Clusters that must differ before the bootstrap has something to draw from.
MIN_DIFFERING = 10


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
