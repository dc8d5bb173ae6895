"""Two and four runs at once on one cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.campaign.lab import Finding

if TYPE_CHECKING:
    from benchmarks.campaign.lab import Lab

__all__ = ["NAME", "run"]

NAME = "concurrent runs"


def run(lab: Lab) -> Finding:
    """Starts them together; a further run must find everything in the cache."""
    lost = wrong = 0
    costs = []
    for count in (2, 4):
        cache = lab.folder / f"cache-of-{count}"
        running = [lab.start(f"one-of-{count}", cache=cache) for _ in range(count)]
        outcomes = [process.wait() for process in running]
        after = lab.run("after", cache=cache)
        lost += after.sent
        wrong += lab.wrong(after) + sum(lab.wrong(outcome) + outcome.exit_code for outcome in outcomes)
        costs.append(f"{count} runs computed {' + '.join(str(outcome.sent) for outcome in outcomes)} answers")
    return Finding(
        fault="two, and then four, runs of the same command at once on one cache",
        lost=lost,
        wrong=wrong,
        costs=f"{'; '.join(costs)} (of {lab.reference.unique:,}); a run after them none",
    )
