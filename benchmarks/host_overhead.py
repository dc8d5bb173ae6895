"""The host's overhead: text documents a second around a model that costs nothing, metrics and samples included."""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cached_run import lm_eval_command
from benchmarks.data import choices_task, generation_task
from benchmarks.environments import ROOT, peer_python
from benchmarks.measure import interleave, run_program
from benchmarks.record import Chart, Record, Section, Target, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measure import Figures
    from benchmarks.record import Size

__all__ = ["measure", "report"]

_KINDS = {"generate_until": "bench_generation", "4-choice": "bench_choices"}
_OFFLINE = {"HF_HUB_OFFLINE": "1"}


def measure(size: Size) -> Record:
    """Measures both kinds of task: the evaluation by itself, and the whole command."""
    folders = {"bench_generation": generation_task(size.documents), "bench_choices": choices_task(size.documents)}
    with tempfile.TemporaryDirectory() as name:
        programs: dict[str, Callable[[], Figures]] = {}
        for kind, task in _KINDS.items():
            arguments = ["--folder", str(folders[task]), "--task", task, "--output", name]
            ours = [sys.executable, "-m", "benchmarks.programs.replay_run", *arguments]
            theirs = [str(peer_python("lm-eval")), "-m", "benchmarks.programs.lm_eval_run", *arguments]
            command = lm_eval_command(task, folders[task], Path(name))
            programs[f"fasteval, {kind}"] = partial(run_program, ours, folder=ROOT, environment=_OFFLINE)
            programs[f"lm-eval, {kind}"] = partial(
                run_program, theirs, folder=Path(name), environment=_OFFLINE | {"PYTHONPATH": str(ROOT)}
            )
            programs[f"lm-eval's own command, {kind}"] = partial(
                run_program, command, folder=Path(name), environment=_OFFLINE
            )
        runs = dict.fromkeys(programs, size.runs) | {f"lm-eval's own command, {kind}": 1 for kind in _KINDS}
        figures = interleave(programs, runs)
    return Record("host_overhead", size.name, figures, {"documents": size.documents})


def report(record: Record) -> Section:
    """Returns what the page says."""
    documents = record.facts["documents"]
    rows, targets = [], []
    for name, runs in record.programs.items():
        names = ("evaluate", "evaluate_processor")
        alone = [f"{record.median(name, figure):.2f}" if figure in runs[0] else "-" for figure in names]
        speed = f"{documents / record.median(name, 'evaluate'):,.0f}" if "evaluate" in runs[0] else "-"
        whole = [f"{record.median(name, figure):.2f}" for figure in ("seconds", "processor_seconds")]
        rows.append([name, len(runs), *alone, speed, *whole])
    for kind in _KINDS:
        factor = record.ratio("evaluate", f"lm-eval, {kind}", f"fasteval, {kind}")
        command = record.ratio("seconds", f"lm-eval's own command, {kind}", f"fasteval, {kind}")
        targets += [
            Target(f"host overhead, {kind}: speed over lm-eval's", "at least 20", f"{factor:.1f}", factor >= 20),
            Target(
                f"the same, whole commands of {documents:,} documents", "at least 20", f"{command:.1f}", command >= 20
            ),
        ]
    head = ("", "runs", "evaluation s", "its processor s", "documents/s", "whole s", "its processor s")
    bars = {
        name: [documents / run["evaluate"] for run in runs]
        for name, runs in record.programs.items()
        if "evaluate" in runs[0]
    }
    return Section("Host overhead", table(head, rows), targets, [Chart("Host overhead", "documents/s", bars)])
