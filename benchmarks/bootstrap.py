"""The bootstrap of F1: 100,000 draws of 2,000 documents."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.environments import ROOT, peer_python
from benchmarks.measure import interleave, run_program
from benchmarks.record import Record, Section, Target, table

if TYPE_CHECKING:
    from benchmarks.record import Size

__all__ = ["measure", "report"]

_DRAWS = 100_000


def measure(size: Size) -> Record:
    """Measures fasteval with all draws, lm-eval with as many as the size allows, to be scaled."""
    command = ["-m", "benchmarks.programs.bootstrap_run", "--program"]
    ours = [sys.executable, *command, "fasteval", "--draws", str(_DRAWS)]
    theirs = [str(peer_python("lm-eval")), *command, "lm-eval", "--draws", str(size.draws)]
    environment = {"PYTHONPATH": str(ROOT)}
    programs = {
        "fasteval": partial(run_program, ours, folder=ROOT),
        "lm-eval": partial(run_program, theirs, environment=environment),
    }
    return Record("bootstrap", size.name, interleave(programs, {"fasteval": size.runs, "lm-eval": min(3, size.runs)}))


def report(record: Record) -> Section:
    """Returns what the page says."""
    draws = record.programs["lm-eval"][0]["draws"]
    ours, theirs = record.median("fasteval", "bootstrap"), record.median("lm-eval", "bootstrap") * _DRAWS / draws
    rows = [
        [name, f"{runs[0]['draws']:,}", f"{record.median(name, 'bootstrap'):.3f}", f"{runs[0]['standard_error']:.5f}"]
        for name, runs in record.programs.items()
    ]
    note = f"\n\nlm-eval's work is the same for each draw: its time for {draws:,} is scaled to {_DRAWS:,}."
    text = table(("", "draws", "seconds", "standard error"), rows) + (note if draws != _DRAWS else "")
    what = "bootstrap of F1, 2,000 documents, 100,000 draws: lm-eval's time over fasteval's"
    factor = theirs / ours
    return Section("Bootstrap", text, [Target(what, "at least 50", f"{factor:,.0f}", factor >= 50)])
