"""Compiling text requests: a million documents become one table."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.data import generation_task
from benchmarks.environments import ROOT
from benchmarks.measure import interleave, run_program
from benchmarks.record import Record, Section, Target, table

if TYPE_CHECKING:
    from benchmarks.record import Size

__all__ = ["measure", "report"]


def measure(size: Size) -> Record:
    """Compiles the requests, in a process of its own, once: its time varies little."""
    folder = generation_task(size.rows)
    command = [sys.executable, "-m", "benchmarks.programs.compile_run", "--folder", str(folder)]
    program = partial(run_program, [*command, "--task", "bench_generation"], folder=ROOT)
    return Record("compiling", size.name, interleave({"fasteval": program}, {"fasteval": 1}))


def report(record: Record) -> Section:
    """Returns what the page says."""
    rows = record.programs["fasteval"][0]["rows"]
    seconds, peak = record.median("fasteval", "compile"), record.median("fasteval", "bytes_at_peak")
    kept, text = record.median("fasteval", "bytes_kept"), record.median("fasteval", "text")
    targets = [
        Target(f"{rows:,} text requests: bytes each beyond their text", "at most 400", f"{peak:.0f}", peak <= 400),
        Target(f"{rows:,} text requests: seconds", "about 60", f"{seconds:.0f}", seconds <= 66),
    ]
    head = ("", "requests", "seconds", "text, bytes each", "beyond it at the peak", "kept")
    line = ["fasteval", f"{rows:,}", f"{seconds:.1f}", f"{text:.0f}", f"{peak:.0f}", f"{kept:.0f}"]
    return Section("Compiling", table(head, [line]), targets)
