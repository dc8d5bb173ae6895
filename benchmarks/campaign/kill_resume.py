"""SIGKILL to the whole process group at random moments, and each time the same command again, to its end."""

from __future__ import annotations

import time
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from benchmarks.campaign.lab import Finding
from benchmarks.campaign.process import answers_in

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.campaign.lab import Lab
    from benchmarks.campaign.process import RunProcess

__all__ = ["NAME", "PHASES", "Death", "die", "run"]

NAME = "kill -9"
MOMENTS = 20
PHASES = ("loading", "engine start", "generating", "scoring", "writing")
# A CPU's window, and the rest of a question's 13 choices, which are sent together.
_WINDOW = 512 + 12
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Death:
    """One moment at which a run was killed, and how the next one went on.

    Attributes:
        phase: what it was doing.
        seconds: when, after its start.
        written: answers in the cache when it was dead.
        in_flight: requests that the engine had been handed and whose answers were not written: what the kill cost.
        again: written answers that the next run computed again.
        wrong: scores and samples of the next run that differ from the reference's.
        window: how many requests may be in flight.
    """

    phase: str
    seconds: float
    written: int
    in_flight: int
    again: int
    wrong: int
    window: int

    def __str__(self) -> str:
        """One line."""
        return (
            f"killed after {self.seconds:5.1f} s ({self.phase}): {self.written} answers written, {self.in_flight} in "
            f"flight (window {self.window}); the next run computed {self.again} of the written ones again, "
            f"{self.wrong} differences"
        )


def run(lab: Lab) -> Finding:
    """Kills runs at 20 moments; each phase has its share of them."""
    draw = Random(lab.seed)
    deaths = []
    for number in range(MOMENTS):
        deaths.append(die(lab, PHASES[number % len(PHASES)], draw))
        print(f"  {deaths[-1]}", flush=True)
    return Finding(
        fault=f"SIGKILL to the whole process group at {len(deaths)} random moments ({', '.join(PHASES)}), and the same "
        "command again",
        lost=sum(death.again + max(0, death.in_flight - death.window) for death in deaths),
        wrong=sum(death.wrong for death in deaths),
        costs=f"at most {max(death.in_flight for death in deaths)} requests in flight (window {deaths[0].window}); "
        f"{sum(death.written for death in deaths):,} written answers, none computed again",
    )


def die(lab: Lab, phase: str, draw: Random, cache: Path | None = None) -> Death:
    """Kills a run in a phase (another one, if the run is over before the moment comes) and finishes it."""
    reference = lab.reference
    for attempt in range(_ATTEMPTS):
        fresh = cache or lab.folder / f"cache-{draw.randrange(1 << 60):x}"
        known = answers_in(fresh)
        killed = lab.start("killed", cache=fresh)
        was_there = _wait_for(killed, phase, draw, reference.unique)
        seconds = time.monotonic() - killed.started
        killed.kill()
        before = killed.wait()
        if (was_there and before.exit_code == -9) or attempt == _ATTEMPTS - 1:
            break
    written = before.written
    after = lab.run("resumed", cache=fresh)
    return Death(
        phase=phase if was_there else f"{phase}, missed",
        seconds=seconds,
        written=written,
        in_flight=before.submitted - (written - known),
        again=after.sent - (reference.unique - written),
        wrong=lab.wrong(after) + (after.exit_code != 0),
        window=_WINDOW,
    )


def _wait_for(running: RunProcess, phase: str, draw: Random, unique: int) -> bool:
    """Waits for a random moment of a phase; returns whether it came before the run's end."""
    share = draw.random()
    if phase == "loading":
        time.sleep(2 * share)
        return True
    if phase == "engine start":
        there = running.wait_until(lambda: running.host)
        time.sleep(8 * share)
        return there
    if phase == "generating":
        return running.wait_until(lambda: running.lines >= max(1, int(unique * share)))
    if phase == "scoring":
        return running.wait_until(lambda: running.lines >= unique or running.has_said("summing up"), pause=0.0)
    out = running.folder / "out"
    running.wait_until(lambda: running.lines >= unique)
    return running.wait_until(lambda: any(out.glob("**/*.partial")), pause=0.0)
