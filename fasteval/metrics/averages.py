"""Aggregations of plain numbers: mean, nanmean, median; and bypass, for tasks whose answers are only collected."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

from fasteval.api.registry import register_aggregation

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["bypass", "mean", "median", "nanmean"]


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
