"""The bootstrap (Efron 1979): how much an aggregate varies over documents drawn anew with replacement.

No estimator here approximates the resampling distribution, each draws from it exactly; the shortcuts only leave out
what the aggregate does not look at:

- Documents enter F1 and correlation through confusion counts, and the counts of N documents drawn with replacement
  are multinomial with the observed shares.
- The k-th smallest of N drawn documents is the sorted value at position floor(N U), where U is the k-th smallest of
  N uniform numbers, which has the distribution Beta(k, N - k + 1): a median costs two random numbers, not N.
- Perplexities and bits per byte look at two sums.

The deviation that is left is that of any bootstrap with B draws: a relative error of about 1 / sqrt(2 B). Work is
bounded: B is lowered where B times the size of a draw would exceed `MAX_WORK`, but never below `MIN_DRAWS`. Memory is
bounded by `CHUNK` numbers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fasteval.api.registry import AGGREGATIONS
from fasteval.metrics import classification

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["CHUNK", "MAX_WORK", "MIN_DRAWS", "standard_deviation", "times_drawn"]

#: Numbers drawn for one estimate, at most: a second or so.
MAX_WORK = 50_000_000
#: Draws that are made whatever they cost: a relative error of 2 %.
MIN_DRAWS = 1_000
#: Draws beyond which nothing is gained: a relative error of 0.07 %.
MAX_DRAWS = 1_000_000
#: Numbers held at a time: 16 MB.
CHUNK = 2_000_000
#: Draws of the aggregates that see whole documents, as in lm-eval: each costs seconds on a large corpus.
MAX_CORPUS_DRAWS = 100

#: What drawing one count costs, in plain numbers.
_COUNT_COST = 4

_COUNT_STATISTICS: dict[str, Callable[..., NDArray[np.float64]]] = {
    "f1": classification.f1_of_counts,
    "f1_macro": classification.f1_macro_of_counts,
    "mcc": classification.correlation_of_counts,
    "matthews_corrcoef": classification.correlation_of_counts,
}
_CORPUS = frozenset({"bleu", "chrf", "ter"})
_SUMS = frozenset({"perplexity", "weighted_perplexity", "bits_per_byte"})


class _Drawing(NamedTuple):
    """How documents are drawn: each by itself or by clusters, how often, and where the randomness comes from."""

    codes: NDArray[np.int64] | None
    draws: int
    rng: np.random.Generator

    def at_most(self, draws: int) -> _Drawing:
        return self._replace(draws=min(self.draws, draws))


def standard_deviation(
    name: str, values: Sequence[Any], codes: NDArray[np.int64] | None, draws: int, rng: np.random.Generator
) -> float | None:
    """Returns the deviation (ddof 1) of the aggregate over at most `draws` draws, or None.

    Args:
        name: a registered aggregation; None is returned for those without an estimator.
        values: the documents' values, N >= 2.
        codes: int64 (N,). Each document's cluster; None where documents are drawn one by one.
        draws: how many draws at most.
        rng: where the randomness comes from.
    """
    drawing = _Drawing(codes, draws, rng)
    if name in _COUNT_STATISTICS:
        sample = _of_counts(_COUNT_STATISTICS[name], values, drawing)
    elif name in _CORPUS:
        sample = _of_documents(AGGREGATIONS.get(name), values, drawing.at_most(MAX_CORPUS_DRAWS))
    elif name == "median" or name in _SUMS:
        numbers = _numbers(values, pairs=name not in ("median", "perplexity"))
        if numbers is None:
            return None
        if name in _SUMS:
            sample = _of_sums(name, numbers, drawing)
        elif codes is None:
            sample = _of_median(numbers[:, 0], draws, rng)
        else:
            sample = _of_documents(np.median, numbers[:, 0], drawing.at_most(MIN_DRAWS))
    else:
        return None
    return float(sample.std(ddof=1)) if len(sample) > 1 and np.isfinite(sample).all() else None


def _numbers(values: Sequence[Any], *, pairs: bool) -> NDArray[np.float64] | None:
    """Returns numbers (N, 1), or pairs of numbers (N, 2), as float64; None if the values are neither, or not finite."""
    try:
        numbers = np.array(values, np.float64)
    except (TypeError, ValueError):
        return None
    expected = (len(values), 2) if pairs else (len(values),)
    if numbers.shape != expected or not np.isfinite(numbers).all():
        return None
    return numbers if pairs else numbers[:, None]


def _chunks(draws: int, width: int) -> Iterator[int]:
    """Yields sizes of chunks of draws, each of `width` numbers, within the bounds of work and memory."""
    left = min(draws, MAX_DRAWS, max(MIN_DRAWS, MAX_WORK // width))
    rows = max(1, CHUNK // width)
    while left > 0:
        yield min(rows, left)
        left -= rows


def _of_counts(
    statistic: Callable[..., NDArray[np.float64]], values: Sequence[Any], drawing: _Drawing
) -> NDArray[np.float64]:
    codes, draws, rng = drawing
    confusion = classification.Confusion.from_items(values)
    if codes is None:
        shares = confusion.counts()[0] / len(values)
        chunks = _chunks(draws, _COUNT_COST * len(shares))
        sets = (rng.multinomial(len(values), shares, size).astype(np.float64) for size in chunks)
    else:
        table = np.zeros((int(codes.max()) + 1, len(confusion.gold)))
        np.add.at(table, (codes, confusion.pair), 1)
        sets = (times_drawn(len(table), size, rng) @ table for size in _chunks(draws, _COUNT_COST * len(table)))
    return np.concatenate([statistic(confusion, counts) for counts in sets])


def times_drawn(units: int, draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Returns how often each unit comes up when as many are drawn as there are, float64 (draws, units)."""
    drawn = rng.integers(0, units, (draws, units))
    flat = (drawn + units * np.arange(draws)[:, None]).ravel()
    times: NDArray[np.float64] = np.bincount(flat, minlength=draws * units).reshape(draws, units).astype(np.float64)
    return times


def _of_sums(name: str, numbers: NDArray[np.float64], drawing: _Drawing) -> NDArray[np.float64]:
    codes, draws, rng = drawing
    weights = np.ones(len(numbers)) if numbers.shape[1] == 1 else numbers[:, 1]
    units = np.stack([numbers[:, 0], weights])
    if codes is not None:
        units = np.stack([np.bincount(codes, weights=unit) for unit in units])
    count = units.shape[1]
    means = []
    for size in _chunks(draws, count):
        drawn = rng.integers(0, count, (size, count))
        logprobs, weight = (unit[drawn].sum(1) for unit in units)
        with np.errstate(divide="ignore", invalid="ignore"):  # the caller looks for what is not finite
            means.append(logprobs / weight)
    mean: NDArray[np.float64] = np.concatenate(means)
    with np.errstate(over="ignore"):
        return -mean / math.log(2) if name == "bits_per_byte" else np.exp(-mean)


def _of_median(values: NDArray[np.float64], draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    ordered, count = np.sort(values), len(values)
    draws = sum(_chunks(draws, 1))
    middle = (count + 1) // 2  # from 1; of an even number, the lower of the two
    lower = rng.beta(middle, count - middle + 1, draws)
    sample: NDArray[np.float64] = ordered[_positions(lower, count)]
    if count % 2 == 0:
        # Above the middle-th smallest lie count - middle uniform numbers, and the next one is the least of them.
        upper = lower + (1 - lower) * rng.beta(1, count - middle, draws)
        sample = (sample + ordered[_positions(upper, count)]) / 2
    return sample


def _positions(uniform: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    return np.minimum((uniform * count).astype(np.int64), count - 1)


def _of_documents(
    aggregate: Callable[..., Any], values: Sequence[Any] | NDArray[np.float64], drawing: _Drawing
) -> NDArray[np.float64]:
    codes, draws, rng = drawing
    documents = np.arange(len(values)) if codes is None else codes
    members = np.split(np.argsort(documents, kind="stable"), np.cumsum(np.bincount(documents))[:-1])
    sample = np.empty(draws)
    for draw in range(draws):
        drawn = np.concatenate([members[unit] for unit in rng.integers(0, len(members), len(members))])
        sample[draw] = aggregate([values[index] for index in drawn])
    return sample
