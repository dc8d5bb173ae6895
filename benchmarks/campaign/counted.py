"""`python -m benchmarks.campaign.counted FILE …`: `fasteval …` that notes in FILE how many requests the host is handed.

What was handed over and not written when a run was killed is what the kill has cost.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from fasteval.cli import main
from fasteval.models.host.engine import HostEngine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fasteval.api.request import EngineRequest


class CountedEngine(HostEngine):
    """Notes each number before it hands over, in one write that a kill cannot take back."""

    descriptor = -1

    def submit(self, requests: Sequence[EngineRequest]) -> None:
        """Notes, and passes on."""
        os.write(self.descriptor, b"%d\n" % len(requests))
        super().submit(requests)


if __name__ == "__main__":
    import fasteval.models.host.engine

    CountedEngine.descriptor = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    fasteval.models.host.engine.HostEngine = CountedEngine  # type: ignore[misc]  # its builder looks it up when it builds one
    raise SystemExit(main(sys.argv[2:]))
