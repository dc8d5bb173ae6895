"""How much there is to do, how fast it goes, and how it looks so far."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Pace", "RunningScore", "TaskLoad", "duration"]

# Half the width of a 95 % interval, in standard errors.
_Z = 1.96
_SHORTEST_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class TaskLoad:
    """One task's requests: how many there are, and how many of them the cache has answered."""

    total: int
    cached: int = 0


@dataclass(slots=True)
class RunningScore:
    """The mean of one metric over the documents scored so far; constant memory (Welford's algorithm).

    Attributes:
        metric: the metric's name.
        count: documents so far.
        mean: mean of their values.
    """

    metric: str
    count: int = 0
    mean: float = 0.0
    _squares: float = 0.0

    def add(self, value: float) -> None:
        """Takes one document's value; NaN counts for nothing."""
        if math.isnan(value):
            return
        self.count += 1
        delta = value - self.mean
        self.mean += delta / self.count
        self._squares += delta * (value - self.mean)

    @property
    def half_width(self) -> float:
        """Half the 95 % interval of the mean, documents taken as independent; NaN for fewer than two."""
        if self.count < 2:
            return math.nan
        return _Z * math.sqrt(self._squares / (self.count - 1) / self.count)

    def __str__(self) -> str:
        """Returns "acc 0.9512 ± 0.0041"."""
        interval = f" ± {self.half_width:.4f}" if self.count >= 2 else ""
        return f"{self.metric} {self.mean:.4f}{interval}"


@dataclass(slots=True)
class Pace:
    """How far some requests are and how fast.

    Cached answers cost no time and do not count towards the rate; nor does the time until the first answer, in which an
    engine starts, or other tasks are asked.
    """

    clock: Callable[[], float]
    total: int = 0
    cached: int = 0
    answered: int = 0
    _first: int = 0
    _began: float = 0.0
    _ended: float | None = None

    def start(self, loads: Iterable[TaskLoad]) -> None:
        """Says how much there is to do; a later call corrects it."""
        totals = [(load.total, load.cached) for load in loads]
        self.total, self.cached = sum(total for total, _ in totals), sum(cached for _, cached in totals)

    def add(self, n: int) -> None:
        """Counts `n` answers of the engine."""
        if self.answered == 0:
            self._first, self._began = n, self.clock()
        self.answered += n
        if self.done >= self.total:
            self._ended = self.clock()

    @property
    def done(self) -> int:
        """Requests that are answered, by the cache or by the engine."""
        return self.cached + self.answered

    @property
    def share(self) -> float:
        """The part that is done, from 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0

    @property
    def rate(self) -> float:
        """Requests a second that the engine answered since its first answer; 0 where that is too short ago to tell."""
        elapsed = (self.clock() if self._ended is None else self._ended) - self._began
        # Answers come in bursts: what came within one says nothing about the next.
        return (self.answered - self._first) / elapsed if elapsed >= _SHORTEST_SECONDS else 0.0

    @property
    def left(self) -> str:
        """The time left, or "" where nothing is known about it."""
        if self.rate > 0 and self.done < self.total:
            return f"{duration((self.total - self.done) / self.rate)} left"
        return ""


def duration(seconds: float) -> str:
    """Returns seconds as a person says them: "1 min 05 s"."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
