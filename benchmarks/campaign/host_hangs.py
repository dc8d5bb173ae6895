"""The engine host stops giving signs of life."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from benchmarks.campaign.host_killed import strike

if TYPE_CHECKING:
    from benchmarks.campaign.lab import Finding, Lab

__all__ = ["NAME", "run"]

NAME = "engine host hangs"


def run(lab: Lab) -> Finding:
    """Stops it in the middle of a run."""
    return strike(lab, [signal.SIGSTOP], "--heartbeat_timeout", "10")
