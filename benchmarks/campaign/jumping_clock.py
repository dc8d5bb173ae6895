"""The clock jumps by a day, back and forth, during a run that is killed and resumed; and files are of another age."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from benchmarks.campaign.lab import Finding

if TYPE_CHECKING:
    from benchmarks.campaign.lab import Lab

__all__ = ["NAME", "run"]

NAME = "jumping clock"
_DAY = 86_400.0


def run(lab: Lab) -> Finding:
    """Kills a run whose clock jumps, dates its cache a year ahead, and finishes it under a clock that jumps, too."""
    sabotage = {"CAMPAIGN_CLOCK": str(_DAY)}
    cache = lab.folder / "cache-of-another-time"
    killed = lab.start("jumping", cache=cache, sabotage=sabotage)
    killed.wait_until(lambda: killed.lines >= lab.reference.unique // 2)
    killed.kill()
    written = killed.wait().written
    for path in cache.rglob("*"):
        os.utime(path, (time.time() + 365 * _DAY,) * 2)
    resumed = lab.run("resumed", cache=cache, sabotage=sabotage)
    after = lab.run("after", cache=cache)
    return Finding(
        fault="`time.time` jumps by up to a day from call to call in all processes; the cache is dated a year ahead",
        lost=resumed.sent - (lab.reference.unique - written) + after.sent,
        wrong=lab.wrong(resumed) + lab.wrong(after) + resumed.exit_code + after.exit_code,
        costs=f"none of {written:,} written answers computed again",
    )
