"""Peak memory: a run over many photo-sized images beside the same run over few."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks.data import photo_task
from benchmarks.fasteval_run import run_fasteval
from benchmarks.measure import interleave
from benchmarks.record import Record, Section, Target, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measure import Figures
    from benchmarks.record import Size

__all__ = ["measure", "report"]


def measure(size: Size) -> Record:
    """Runs both once, one question an image."""
    programs: dict[str, Callable[[], Figures]] = {}
    for images in size.memory:
        folder = photo_task(images, 1)
        programs[f"{images:,} images"] = partial(
            run_fasteval, "bench_photos", "--no_cache", "--bootstrap_iters", "0", folder=folder
        )
    figures = interleave(programs, dict.fromkeys(programs, 1))
    for runs in figures.values():
        for run in runs:
            del run["answers"]
    return Record("memory", size.name, figures)


def report(record: Record) -> Section:
    """Returns what the page says."""
    rows, peaks = [], []
    for name in record.programs:
        peaks.append(record.median(name, "peak_memory") / 1e6)
        rows.append([name, f"{peaks[-1]:,.0f}", f"{record.median(name, 'seconds'):.1f}"])
    few, many = record.programs
    more = peaks[1] - peaks[0]
    what = f"peak memory (PSS of the process tree), {many} beyond {few}"
    text = table(("", "peak PSS, MB", "whole s"), rows)
    return Section("Memory", text, [Target(what, "at most 400 MB", f"{more:,.0f} MB", more <= 400)])
