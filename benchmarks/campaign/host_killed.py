"""The engine host is killed five times during one run."""

from __future__ import annotations

import functools
import signal
from random import Random
from typing import TYPE_CHECKING

from benchmarks.campaign.lab import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.campaign.lab import Lab
    from benchmarks.campaign.process import RunProcess

__all__ = ["NAME", "run", "strike"]

NAME = "engine host killed"


def run(lab: Lab) -> Finding:
    """Kills it when random shares of the answers are written."""
    return strike(lab, [signal.SIGKILL] * 5)


def strike(lab: Lab, signals: Sequence[signal.Signals], *flags: str) -> Finding:
    """Sends signals to a run's engine hosts, one to each, when random shares of the answers are written."""
    reference = lab.reference
    draw = Random(lab.seed)
    moments = sorted(draw.sample(range(1, int(reference.unique * 0.8)), len(signals)))
    running = lab.start("host", *flags)
    hit: set[int | None] = {None}
    seen = 0
    for moment, number in zip(moments, signals, strict=True):
        awaited = max(
            moment, seen + 1
        )  # each host answers something: three that do not are more than a run puts up with
        running.wait_until(functools.partial(_has_come, running, awaited, hit))
        seen = running.lines
        hit.add(running.signal_host(number))
    outcome = running.wait()
    hits = len(hit - {None})
    if hits < len(signals):
        raise RuntimeError(f"the run was over after {hits} of {len(signals)} signals")
    counters = outcome.counters
    return Finding(
        fault=f"{', '.join(number.name for number in signals)} to the engine hosts of one run, one after the other",
        lost=reference.unique - outcome.written,
        wrong=lab.wrong(outcome) + (outcome.exit_code != 0) + abs(int(counters["engine_restarts"]) - hits),
        costs=f"restarts: {counters['engine_restarts']:.0f}; requests sent again: {counters['requests_resent']:.0f}",
        message=outcome.message("starts again"),
    )


def _has_come(running: RunProcess, moment: int, hit: set[int | None]) -> bool:
    return running.lines >= moment and running.host not in hit
