"""Aggregations of log-probabilities: perplexities and bits per byte."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fasteval.api.registry import register_aggregation
from fasteval.metrics.averages import mean

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["bits_per_byte", "perplexity", "weighted_perplexity"]


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
