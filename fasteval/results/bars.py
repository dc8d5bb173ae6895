"""`RichProgress`: what a terminal shows of a run: a bar for all of it and one for each task that is under way."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Display

from fasteval.results.pace import Pace, RunningScore, TaskLoad
from fasteval.results.printable import printable
from fasteval.results.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO

    from rich.progress import TaskID

__all__ = ["RichProgress"]

_SECONDS_BETWEEN = 0.1
# Narrower terminals have room for the numbers only.
_WIDTH_FOR_BARS = 110
# More tasks than this, and those that are done leave the screen.
_MAX_BARS = 8


class RichProgress(Progress):
    """Draws bars with rate, time left, cache hits and scores on a terminal's standard error."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Draws on `stream` (standard error if None) from the first call on. `clock` gives seconds."""
        self._clock = clock
        self._last_time = -_SECONDS_BETWEEN
        self._pace = Pace(clock)
        self._paces: dict[str, Pace] = {}
        self._bars: dict[str, TaskID] = {}
        console = Console(file=stream or sys.stderr)
        bar = [BarColumn(16)] if console.width >= _WIDTH_FOR_BARS else []
        texts = [TextColumn(f"{{task.fields[{name}]}}", markup=False) for name in ("pace", "note")]
        self._display = Display(
            *(SpinnerColumn(), TextColumn("{task.description}", markup=False), *bar, MofNCompleteColumn(), *texts),
            console=console,
            # What is written to standard error goes above the bars; standard output stays what it is.
            redirect_stdout=False,
            transient=True,
        )
        self._all = self._display.add_task("starting", total=None, pace="", note="")

    def stage(self, name: str) -> None:
        """Shows the stage's name in front of the first bar."""
        self._display.start()
        self._display.update(self._all, description=printable(name, 40))

    def start(self, tasks: Mapping[str, TaskLoad]) -> None:
        """Shows how much there is to do."""
        self._display.start()
        self._pace.start(tasks.values())
        for name, load in tasks.items():
            self._paces.setdefault(name, Pace(self._clock)).start([load])
        self._draw(self._all, self._pace)

    def advance(self, n: int = 1, task: str = "") -> None:
        """Moves the bars."""
        self._pace.add(n)
        if task in self._paces:
            self._paces[task].add(n)
        if self._clock() - self._last_time >= _SECONDS_BETWEEN or self._pace.done >= self._pace.total:
            self._last_time = self._clock()
            self._draw_all()

    def score(self, task: str, score: RunningScore) -> None:
        """Shows it behind the task's bar."""
        if task in self._paces:
            self._display.update(self._bar(task), note=printable(str(score), 60))

    def bottleneck(self, text: str) -> None:
        """Shows it behind the first bar."""
        self._display.update(self._all, note=printable(text, 60))

    def message(self, text: str) -> None:
        """Prints the line above the bars; markup in it has no effect."""
        self._display.console.print(printable(text), markup=False, highlight=False)

    def stop(self) -> None:
        """Removes the bars and gives the terminal back."""
        self._display.stop()

    def _draw_all(self) -> None:
        self._draw(self._all, self._pace)
        for name, pace in self._paces.items():
            if pace.answered:
                self._draw(self._bar(name), pace)
                if pace.done >= pace.total and len(self._paces) > _MAX_BARS:
                    self._display.update(self._bar(name), visible=False)

    def _bar(self, task: str) -> TaskID:
        """Returns a task's bar, drawn from its first answer on."""
        if task not in self._bars:
            name = f"  {printable(task, 38)}"
            self._bars[task] = self._display.add_task(name, total=self._paces[task].total, pace="", note="")
        return self._bars[task]

    def _draw(self, bar: TaskID, pace: Pace) -> None:
        cached = f"{pace.cached:,} cached" if pace.cached else ""
        rate = f"{pace.rate:,.1f}/s" if pace.rate else ""
        facts = " · ".join(part for part in (rate, pace.left, cached) if part)
        self._display.update(bar, total=pace.total, completed=pace.done, pace=facts)
