"""Several tests at once: the correction of Holm (1979, Scandinavian Journal of Statistics 6:65)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["holm"]


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns the adjusted p-values, in the given order.

    Whoever calls a difference real where the adjusted value is below alpha is wrong about any of them with a
    probability of at most alpha, however the tests depend on each other.
    """
    adjusted = [1.0] * len(p_values)
    floor = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = floor
    return adjusted
