"""How a run shows that it is alive: a bar on a terminal, a line now and then in a log, or nothing."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fasteval.results.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

__all__ = ["PlainProgress", "Progress", "RichProgress", "SilentProgress", "choose_progress"]


class Progress(Protocol):
    """What a run tells while it works. All calls return at once, and none of them raises."""

    def stage(self, name: str) -> None:
        """Says what the run is doing now, in a word or two: "loading tasks"."""

    def start(self, total: int, cached: int) -> None:
        """Says how many requests there are, and how many of them the cache has answered. A later call corrects both."""

    def advance(self, n: int = 1, task: str = "") -> None:
        """Says that `n` more requests (of `task`) are answered."""

    def message(self, text: str) -> None:
        """Shows one line, above the bar if there is one."""

    def stop(self) -> None:
        """Ends the display; may be called twice."""


class SilentProgress:
    """Shows nothing."""

    def stage(self, name: str) -> None:
        """Does nothing."""

    def start(self, total: int, cached: int) -> None:
        """Does nothing."""

    def advance(self, n: int = 1, task: str = "") -> None:
        """Does nothing."""

    def message(self, text: str) -> None:
        """Does nothing."""

    def stop(self) -> None:
        """Does nothing."""


@dataclass(slots=True)
class _Pace:
    """How far the run is and how fast; cached answers cost no time and do not count towards the rate."""

    clock: Callable[[], float]
    started: float = 0.0
    total: int = 0
    cached: int = 0
    answered: int = 0

    def start(self, total: int, cached: int) -> None:
        if self.total == 0:
            self.started = self.clock()
        self.total, self.cached = total, cached

    @property
    def done(self) -> int:
        return self.cached + self.answered

    @property
    def share(self) -> float:
        return min(1.0, self.done / self.total) if self.total else 0.0

    @property
    def rate(self) -> float:
        elapsed = self.clock() - self.started
        return self.answered / elapsed if elapsed > 0 else 0.0

    def describe(self) -> str:
        """Returns rate, time left and cache hits."""
        parts = [f"{self.rate:,.1f} requests/s"]
        if self.rate > 0 and self.done < self.total:
            parts.append(f"{_duration((self.total - self.done) / self.rate)} left")
        if self.cached:
            parts.append(f"{self.cached:,} from the cache")
        return ", ".join(parts)


class PlainProgress:
    """Writes a line every ten seconds, and at each tenth of the work; for logs and CI."""

    _SECONDS_BETWEEN = 10.0
    # A run of a second needs no ten lines.
    _SECONDS_BETWEEN_TENTHS = 1.0

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Writes to `stream` (standard error if None). `clock` gives seconds."""
        self._stream = stream
        self._clock = clock
        self._pace = _Pace(clock)
        self._last_time = clock()
        self._last_tenth = 0

    def stage(self, name: str) -> None:
        """Writes the stage's name."""
        self._write(name)

    def start(self, total: int, cached: int) -> None:
        """Writes how much there is to do, the first time."""
        is_first = self._pace.total == 0
        self._pace.start(total, cached)
        if is_first:
            self._last_tenth = int(self._pace.share * 10)
            self._write(f"{total:,} requests, {cached:,} of them answered from the cache")

    def advance(self, n: int = 1, task: str = "") -> None:  # noqa: ARG002 - the contract's; a log line has no bar a task
        """Counts `n` answers; writes a line if one is due."""
        self._pace.answered += n
        waited, tenth = self._clock() - self._last_time, int(self._pace.share * 10)
        is_due = tenth > self._last_tenth and waited >= self._SECONDS_BETWEEN_TENTHS
        if is_due or waited >= self._SECONDS_BETWEEN or self._pace.done == self._pace.total:
            self._last_tenth = tenth
            pace = self._pace
            self._write(f"{pace.done:,}/{pace.total:,} requests ({pace.share:.0%}), {pace.describe()}")

    def message(self, text: str) -> None:
        """Writes the line."""
        self._write(text)

    def stop(self) -> None:
        """Does nothing: every line is complete."""

    def _write(self, text: str) -> None:
        self._last_time = self._clock()
        print(f"fasteval: {printable(text)}", file=self._stream or sys.stderr, flush=True)


class RichProgress:
    """Draws a bar with rate, time left and cache hits on a terminal's standard error."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Draws on `stream` (standard error if None) from the first call on. `clock` gives seconds."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn
        from rich.progress import Progress as Display

        self._pace = _Pace(clock)
        self._display = Display(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}", markup=False),
            console=Console(file=stream or sys.stderr),
            # What is written to standard error goes above the bar; standard output stays what it is.
            redirect_stdout=False,
            transient=True,
        )
        self._bar = self._display.add_task("starting", total=None, pace="")

    def stage(self, name: str) -> None:
        """Shows the stage's name in front of the bar."""
        self._display.start()
        self._display.update(self._bar, description=printable(name, 40))

    def start(self, total: int, cached: int) -> None:
        """Shows the bar's length."""
        self._display.start()
        self._pace.start(total, cached)
        self._update()

    def advance(self, n: int = 1, task: str = "") -> None:
        """Moves the bar."""
        self._pace.answered += n
        if task:
            self._display.update(self._bar, description=printable(task, 40))
        self._update()

    def message(self, text: str) -> None:
        """Prints the line above the bar; markup in it has no effect."""
        self._display.console.print(printable(text), markup=False, highlight=False)

    def stop(self) -> None:
        """Removes the bar and gives the terminal back."""
        self._display.stop()

    def _update(self) -> None:
        pace = self._pace
        self._display.update(self._bar, total=pace.total, completed=pace.done, pace=pace.describe())


def choose_progress(stream: TextIO | None = None) -> Progress:
    """Returns a bar where `stream` (standard error if None) is a terminal, else lines."""
    stream = sys.stderr if stream is None else stream
    return RichProgress(stream) if stream.isatty() else PlainProgress(stream)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
