"""Standard errors of aggregated metrics: a closed form where there is one, a seeded bootstrap elsewhere.

| aggregation                                       | standard error                                               |
|---------------------------------------------------|--------------------------------------------------------------|
| mean, nanmean, brier_score                        | closed form; cluster-robust where clusters are given         |
| median                                            | bootstrap through Beta-distributed order statistics          |
| f1, f1_macro, mcc                                 | bootstrap through multinomial confusion counts               |
| perplexity, weighted_perplexity, bits_per_byte    | bootstrap of two sums                                        |
| bleu, chrf, ter                                   | bootstrap of documents, at most 100 draws                    |
| bypass, and functions of task files               | none                                                         |

The functions of task files get none because they may write files or keep state: they must not run a thousand times.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fasteval.api.registry import AGGREGATIONS
from fasteval.metrics import bootstrap
from fasteval.metrics.classification import brier_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from numpy.typing import NDArray

__all__ = ["clustered_standard_error", "mean_standard_error", "standard_error"]


def standard_error(
    aggregation: str | Callable[..., Any],
    values: Sequence[Any],
    *,
    clusters: Sequence[Hashable] | None = None,
    bootstrap_iterations: int = 100_000,
    seed: int = 1234,
) -> float | None:
    """Returns the standard error of `aggregation(values)`, or None where there is none to be had.

    None stands for: fewer than two documents (or clusters), values that are not numbers (or NaN, other than in
    nanmean), an aggregation without an estimator, and a bootstrap where none is asked for.

    Args:
        aggregation: a registered name, or a function; registered functions are known by identity.
        values: the documents' values, in document order, as the aggregation takes them.
        clusters: each document's cluster, such as the video that its question is about; None where documents are
            independent. Bootstraps then draw clusters in place of documents.
        bootstrap_iterations: draws at most; fewer where they would cost more than a second or so
            (`fasteval.metrics.bootstrap`); 0 turns bootstraps off and leaves the closed forms.
        seed: of the draws. Equal arguments give equal results.

    Raises:
        UnknownNameError: no aggregation has that name.
        ValueError: `clusters` has not the length of `values`.
    """
    if clusters is not None and len(clusters) != len(values):
        raise ValueError(f"{len(clusters)} clusters for {len(values)} values")
    name = _name(aggregation)
    codes = None if clusters is None else _codes(clusters)
    units = len(values) if codes is None else len(np.unique(codes))
    if units < 2:
        return None
    if name in ("mean", "nanmean", "brier_score"):
        error = _closed_form(name, values, codes)
    elif name is None or bootstrap_iterations <= 0:
        return None
    else:
        error = bootstrap.standard_deviation(name, values, codes, bootstrap_iterations, np.random.default_rng(seed))
    return error if error is not None and math.isfinite(error) else None


def mean_standard_error(values: NDArray[np.float64]) -> float:
    """Returns the standard error of the mean of N >= 2 independent values: sample deviation (ddof 1) / sqrt(N)."""
    return float(values.std(ddof=1) / math.sqrt(len(values)))


def clustered_standard_error(values: NDArray[np.float64], codes: NDArray[np.int64]) -> float:
    """Returns the cluster-robust standard error of the mean (Miller 2024, arXiv:2411.00640, equation 4).

    The square is that of the independent case plus, over N², the products of the deviations of each two different
    documents of one cluster. The first part has the small-sample factor N / (N - 1), the second has none, as in the
    paper: clusters of one document each give exactly the plain standard error, and the factor vanishes as N grows.

    Args:
        values: float64 (N,).
        codes: int64 (N,). Each document's cluster, numbered from 0.
    """
    count = len(values)
    deviations = values - values.mean()
    sums = np.bincount(codes, weights=deviations)
    own = float((deviations**2).sum())
    products = float((sums**2).sum()) - own
    return math.sqrt(max(0.0, own / (count * (count - 1)) + products / count**2))


def _closed_form(name: str, values: Sequence[Any], codes: NDArray[np.int64] | None) -> float | None:
    try:
        numbers = brier_scores(values) if name == "brier_score" else np.array(values, np.float64)
    except (TypeError, ValueError):
        return None
    if numbers.ndim != 1:
        return None
    if name == "nanmean":
        there = ~np.isnan(numbers)
        numbers, codes = numbers[there], None if codes is None else codes[there]
    if len(numbers) < 2 or not np.isfinite(numbers).all():
        return None
    if codes is None:
        return mean_standard_error(numbers)
    return clustered_standard_error(numbers, codes) if len(np.unique(codes)) > 1 else None


def _name(aggregation: str | Callable[..., Any]) -> str | None:
    """Returns the registered name of `aggregation`, or None for a function that is not registered."""
    if isinstance(aggregation, str):
        AGGREGATIONS.get(aggregation)  # raises where the name is unknown
        return aggregation
    return AGGREGATIONS.name_of(aggregation)


def _codes(clusters: Sequence[Hashable]) -> NDArray[np.int64]:
    """Returns the clusters numbered from 0 in order of appearance, int64 (N,)."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(cluster, len(numbers)) for cluster in clusters], np.int64)
