"""Measuring whole programs: time, processor time and memory of a process and its children; runs in turn; medians."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["MARK", "Figures", "interleave", "median", "report", "run_program"]

#: Begins the line on which a measured program says what it found out.
MARK = "benchmark: "

#: What one run of one program gave, by name: numbers, and facts such as a digest of the answers.
Figures = dict[str, Any]

_SAMPLE_SECONDS = 0.2
_LAST_WORDS = 40


def report(**figures: Any) -> None:
    """Prints what a measured program found out, for `run_program` to read."""
    sys.stdout.write(f"\n{MARK}{json.dumps(figures)}\n")
    sys.stdout.flush()


def run_program(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Figures:
    """Runs a program to its end and returns its figures.

    They are what the program reported, and beside that: `seconds` of wall time, `processor_seconds` of it and all its
    children, and `peak_memory`, the largest sum of the proportional set sizes (PSS) of its process tree, in bytes.

    Args:
        command: the program and its arguments.
        environment: variables in addition to this process's own.
        folder: the working directory.

    Raises:
        RuntimeError: the program failed; the end of its output is in the text.
    """
    with tempfile.TemporaryFile() as output:
        before, started = os.times(), time.perf_counter()
        process = subprocess.Popen(
            command, env=os.environ | dict(environment or {}), cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
        with _MemoryWatch(process.pid) as memory:
            code = process.wait()
        seconds, after = time.perf_counter() - started, os.times()
        output.seek(0)
        lines = output.read().decode("utf-8", "replace").splitlines()
    if code != 0:
        ending = "\n".join(lines[-_LAST_WORDS:])
        raise RuntimeError(f"{' '.join(command)} ended with {code}:\n{ending}")
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    figures: Figures = {"seconds": seconds, "processor_seconds": processor, "peak_memory": memory.peak}
    for line in lines:
        if line.startswith(MARK):
            figures |= json.loads(line.removeprefix(MARK))
    return figures


@dataclass(slots=True)
class _MemoryWatch:
    """Looks at a process tree every 0.2 seconds, and keeps the largest sum that it saw."""

    root: int
    peak: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> _MemoryWatch:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self.peak = max(self.peak, sum(map(_proportional_set_size, _tree(self.root))))


def _tree(root: int) -> list[int]:
    """Returns the ids of a process and of all that descend from it; none where there is no /proc."""
    tree = [root]
    for process in tree:
        for children in Path(f"/proc/{process}/task").glob("*/children"):
            try:
                tree += map(int, children.read_text().split())
            except OSError:  # a thread that ended meanwhile
                continue
    return tree


def _proportional_set_size(process: int) -> int:
    """Returns a process's memory in bytes, pages that it shares divided by those who share them."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def interleave(programs: Mapping[str, Callable[[], Figures]], runs: Mapping[str, int]) -> dict[str, list[Figures]]:
    """Runs the programs in turn, so that a machine that gets slower does so for all of them.

    Args:
        programs: what to run, by name.
        runs: how often; a program that is not named runs as often as the most frequent one.
    """
    most = max(runs.values())
    figures: dict[str, list[Figures]] = {name: [] for name in programs}
    for turn in range(most):
        for name, program in programs.items():
            if turn < runs.get(name, most):
                figures[name].append(program())
                print(f"  {name}: {_summary(figures[name][-1])}", file=sys.stderr, flush=True)
    return figures


def _summary(figures: Figures) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items() if isinstance(value, int | float))


def median(runs: Sequence[Figures], name: str) -> float:
    """Returns the median of one figure over the runs of a program."""
    return float(statistics.median(run[name] for run in runs))
