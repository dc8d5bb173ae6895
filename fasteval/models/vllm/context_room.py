"""`ContextRoom`: how many contexts may be in hand, so that the engine's caches still have them when they are needed."""

from __future__ import annotations

import sys

__all__ = ["ContextRoom"]


class ContextRoom:
    """Counts what contexts in hand take of some caches; one enters only if it fits into each beside the others."""

    def __init__(self, *capacities: int) -> None:
        """Begins empty.

        Args:
            capacities: tokens that each cache may hold for contexts; 0 where nobody knows, which is no limit.
        """
        self._capacities = tuple(capacity or sys.maxsize for capacity in capacities)
        self._used = [0] * len(capacities)

    def enter(self, needs: tuple[int, ...]) -> bool:
        """Takes `needs` (tokens in each cache) if they fit, or if nobody is inside; returns whether it did."""
        fits = all(used + need <= most for used, need, most in zip(self._used, needs, self._capacities, strict=True))
        if not fits and any(self._used):
            return False
        self._used = [used + need for used, need in zip(self._used, needs, strict=True)]
        return True

    def leave(self, needs: tuple[int, ...]) -> None:
        """Gives back what `enter` took."""
        self._used = [used - need for used, need in zip(self._used, needs, strict=True)]
