"""How a run shows that it is alive: bars on a terminal, a line now and then in a log, or nothing."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from fasteval.results.pace import Pace, RunningScore, TaskLoad
from fasteval.results.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self, TextIO

__all__ = ["PlainProgress", "Progress", "SilentProgress", "choose_progress"]


class Progress:
    """What a run tells while it works. All calls return at once, and none of them raises. Shows nothing by itself."""

    def stage(self, name: str) -> None:
        """Says what the run is doing now, in a word or two: "loading tasks"."""

    def start(self, tasks: Mapping[str, TaskLoad]) -> None:
        """Says how many requests each task has, and how many the cache has answered. A later call corrects both."""

    def advance(self, n: int = 1, task: str = "") -> None:
        """Says that `n` more requests (of `task`) are answered."""

    def score(self, task: str, score: RunningScore) -> None:
        """Says what a task's documents have scored so far."""

    def bottleneck(self, text: str) -> None:
        """Says what the run's time goes to: "engine 93% of the time"."""

    def message(self, text: str) -> None:
        """Shows one line, above the bars if there are any."""

    def stop(self) -> None:
        """Ends the display; may be called twice."""

    def __enter__(self) -> Self:
        """Returns the display, which the `with` block's end stops."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stops it."""
        self.stop()


class SilentProgress(Progress):
    """Is told, and shows nothing."""


class PlainProgress(Progress):
    """Writes a line every ten seconds, and at each tenth of the work; for logs and CI."""

    _SECONDS_BETWEEN = 10.0
    # A run of a second needs no ten lines.
    _SECONDS_BETWEEN_TENTHS = 1.0
    _MAX_SCORES = 3

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Writes to `stream` (standard error if None). `clock` gives seconds."""
        self._stream = stream
        self._clock = clock
        self._pace = Pace(clock)
        self._last_time = clock()
        self._last_tenth = 0
        self._scores: dict[str, RunningScore] = {}
        self._bottleneck = ""

    def stage(self, name: str) -> None:
        """Writes the stage's name."""
        self._write(name)

    def start(self, tasks: Mapping[str, TaskLoad]) -> None:
        """Writes how much there is to do, the first time."""
        is_first = self._pace.total == 0
        self._pace.start(tasks.values())
        if is_first:
            self._last_tenth = int(self._pace.share * 10)
            self._write(f"{self._pace.total:,} requests, {self._pace.cached:,} of them answered from the cache")

    def advance(self, n: int = 1, task: str = "") -> None:  # noqa: ARG002 - the contract's; a log has no bar a task
        """Counts `n` answers; writes a line if one is due."""
        self._pace.add(n)
        waited, tenth = self._clock() - self._last_time, int(self._pace.share * 10)
        is_due = tenth > self._last_tenth and waited >= self._SECONDS_BETWEEN_TENTHS
        if is_due or waited >= self._SECONDS_BETWEEN or self._pace.done == self._pace.total:
            self._last_tenth = tenth
            self._write(self._describe())

    def score(self, task: str, score: RunningScore) -> None:
        """Keeps it for the next line; those that changed last are shown."""
        self._scores.pop(task, None)
        self._scores[task] = score

    def bottleneck(self, text: str) -> None:
        """Keeps it for the next line."""
        self._bottleneck = text

    def message(self, text: str) -> None:
        """Writes the line."""
        self._write(text)

    def stop(self) -> None:
        """Does nothing: every line is complete."""

    def _describe(self) -> str:
        pace = self._pace
        cached = f"{pace.cached:,} from the cache" if pace.cached else ""
        rate = f"{pace.rate:,.1f} requests/s" if pace.rate else ""
        parts = [f"{pace.done:,}/{pace.total:,} requests ({pace.share:.0%})"]
        parts += [part for part in (rate, pace.left, cached) if part]
        scores = [f"{task} {score}" for task, score in list(self._scores.items())[-self._MAX_SCORES :]]
        return "; ".join([", ".join(parts), *scores, *([self._bottleneck] if self._bottleneck else [])])

    def _write(self, text: str) -> None:
        self._last_time = self._clock()
        print(f"fasteval: {printable(text)}", file=self._stream or sys.stderr, flush=True)


def choose_progress(stream: TextIO | None = None) -> Progress:
    """Returns bars where `stream` (standard error if None) is a terminal, else lines."""
    stream = sys.stderr if stream is None else stream
    if not stream.isatty():
        return PlainProgress(stream)
    from fasteval.results.bars import RichProgress

    return RichProgress(stream)
