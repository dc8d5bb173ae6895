"""`Timeline`: each instant of a run's wall time belongs to exactly one stage.

Stages overlap: answers are scored while the engine decodes. An instant belongs to the first of the
stages going on that `PRIORITY` names, and to "other" if none is. The order is that of what a run cannot hide: while
the engine works, everything else comes free; before that, whatever happens while the model is loaded comes free; what
still shows up under another stage is time in which the model stood waiting for it.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from fasteval.errors import nearest
from fasteval.results.statistics import STAGES

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

__all__ = ["PRIORITY", "Timeline"]

#: Which stage an instant belongs to when several are going on: the first of these.
PRIORITY = ("engine", "start", "load", "scoring")


class Timeline:
    """Adds up stages while they happen, in constant memory. May be used from several threads."""

    def __init__(self, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        """Starts the wall time now. `clock` gives nanoseconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._started = self._last = clock()
        self._running: dict[str, int] = {}
        self._owner = "other"
        self._stages = dict.fromkeys(STAGES, 0)
        self._busy = dict.fromkeys(PRIORITY, 0)

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Counts the time inside the `with` block as `name`. Blocks may nest and overlap, of the same stage too."""
        return _Block(self, name)

    def begin(self, name: str) -> None:
        """Begins an interval of stage `name`, for work that no `with` block encloses."""
        if name not in self._busy:
            raise ValueError(f"unknown stage '{name}' (nearest: '{nearest(name, PRIORITY)}')")
        with self._lock:
            self._account()
            self._running[name] = self._running.get(name, 0) + 1
            self._owner = self._find_owner()

    def end(self, name: str) -> None:
        """Ends one interval of stage `name`."""
        with self._lock:
            running = self._running.get(name, 0)
            if running == 0:
                raise ValueError(f"stage '{name}' is not going on")
            self._account()
            if running > 1:
                self._running[name] = running - 1
            else:
                del self._running[name]
            self._owner = self._find_owner()

    def seconds(self) -> dict[str, float]:
        """Returns the seconds of each stage up to now, in the order of `STAGES`; they add up to the wall time."""
        return {stage: nanoseconds / 1e9 for stage, nanoseconds in self.nanoseconds().items()}

    def nanoseconds(self) -> dict[str, int]:
        """Returns the nanoseconds of each stage up to now; their sum is the wall time exactly."""
        with self._lock:
            self._account()
            return dict(self._stages)

    def busy(self) -> dict[str, float]:
        """Returns the seconds that each stage was at work, whatever went on beside it; overlaps count each time."""
        with self._lock:
            self._account()
            return {stage: nanoseconds / 1e9 for stage, nanoseconds in self._busy.items()}

    def wall_seconds(self) -> float:
        """Returns the seconds since the timeline began."""
        return (self._clock() - self._started) / 1e9

    def _account(self) -> None:
        """Gives the time since the last event to the stage that it belongs to."""
        now = self._clock()
        elapsed, self._last = now - self._last, now
        self._stages[self._owner] += elapsed
        for stage, running in self._running.items():
            self._busy[stage] += running * elapsed

    def _find_owner(self) -> str:
        return next((stage for stage in PRIORITY if stage in self._running), "other")


class _Block:
    """A `with` block of one stage: an object, since a generator would cost more than what it often encloses."""

    __slots__ = ("_name", "_timeline")

    def __init__(self, timeline: Timeline, name: str) -> None:
        self._timeline, self._name = timeline, name

    def __enter__(self) -> None:
        self._timeline.begin(self._name)

    def __exit__(self, *_: object) -> None:
        self._timeline.end(self._name)
