"""Aggregations of plain numbers and of log-probabilities; and bypass, for tasks whose answers are only collected."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

from fasteval.api.registry import register_aggregation

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["bits_per_byte", "bypass", "mean", "median", "nanmean", "perplexity", "weighted_perplexity"]


@register_aggregation("mean")
def mean(values: Sequence[float]) -> float:
    """Returns the mean, whatever the order of the values; NaN if there are none or one is NaN."""
    # fsum rounds once: the sum does not depend on the order.
    return math.fsum(values) / len(values) if len(values) else math.nan


@register_aggregation("nanmean")
def nanmean(values: Sequence[float]) -> float:
    """Returns the mean of the values that are not NaN; NaN if there are none."""
    return mean([value for value in values if not math.isnan(value)])


@register_aggregation("median")
def median(values: Sequence[float]) -> float:
    """Returns the middle value, or the mean of the two middle ones; NaN if there are none or one is NaN."""
    if not len(values) or any(math.isnan(value) for value in values):
        return math.nan
    return float(statistics.median(values))


@register_aggregation("bypass")
def bypass(values: Sequence[Any]) -> float:  # noqa: ARG001 - an aggregation takes the values
    """Returns NaN: the answers were collected, not scored."""
    return math.nan


@register_aggregation("perplexity")
def perplexity(values: Sequence[float]) -> float:
    """Returns exp(-mean) of natural log-probabilities; infinity where that is too large for a float."""
    return _exp(-mean(values))


@register_aggregation("weighted_perplexity")
def weighted_perplexity(values: Sequence[tuple[float, float]]) -> float:
    """Returns exp(-sum of log-probabilities / sum of weights).

    Args:
        values: for each document its natural log-probability, and its number of words (or bytes).
    """
    return _exp(-_weighted_mean(values))


@register_aggregation("bits_per_byte")
def bits_per_byte(values: Sequence[tuple[float, float]]) -> float:
    """Returns the bits that the model needs for one byte of text.

    Args:
        values: for each document its natural log-probability and its number of bytes.
    """
    return -_weighted_mean(values) / math.log(2)


def _weighted_mean(values: Sequence[tuple[float, float]]) -> float:
    weight = math.fsum(weight for _, weight in values)
    return math.fsum(logprob for logprob, _ in values) / weight if weight else math.nan


def _exp(exponent: float) -> float:
    try:
        return math.exp(exponent)
    except OverflowError:
        return math.inf
