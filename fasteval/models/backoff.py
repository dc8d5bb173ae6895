"""`Backoff`: how long to wait before the next attempt at something that has failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

__all__ = ["Backoff"]


@dataclass(slots=True)
class Backoff:
    """Waits that double, each with a random part, so that many clients do not come back at the same moment.

    Half of a wait is certain and half is drawn ("equal jitter": Marc Brooker, "Exponential Backoff And Jitter", 2015).

    Attributes:
        first: seconds of the first wait, at most.
        longest: seconds that no wait exceeds.
        random: what the random part is drawn from.
        attempts: how many waits were asked for since the last `reset`.
    """

    first: float = 1.0
    longest: float = 60.0
    random: Random = field(default_factory=Random)
    attempts: int = 0

    def next(self) -> float:
        """Returns the seconds to wait before the next attempt."""
        whole = min(self.longest, self.first * 2.0 ** min(self.attempts, 64))
        self.attempts += 1
        return whole * (1 + self.random.random()) / 2

    def reset(self) -> None:
        """Begins with the shortest wait again: an attempt has succeeded."""
        self.attempts = 0
