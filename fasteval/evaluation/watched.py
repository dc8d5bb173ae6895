"""`WatchedEngine`: an engine whose start and work appear on a timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fasteval.models.engine import EngineWrapper

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fasteval.api.request import Completion, EngineRequest
    from fasteval.models.engine import Engine
    from fasteval.results.statistics import Timeline

__all__ = ["WatchedEngine"]


class WatchedEngine(EngineWrapper):
    """Passes everything on. The stage is "start" until the engine is ready, and "engine" while it has requests."""

    def __init__(
        self,
        engine: Engine,
        timeline: Timeline,
        count: Callable[[Sequence[Completion]], None],
        on_stage: Callable[[str | None], None],
    ) -> None:
        """Wraps `engine`; `count` is called with what is complete, `on_stage` with each stage that begins."""
        super().__init__(engine)
        self._timeline, self._count, self._on_stage = timeline, count, on_stage
        self._stage: str | None = None
        self._in_flight = 0

    def start(self) -> None:
        """Begins the stage "start" at the first call."""
        self._engine.start()
        self._mark()

    def submit(self, requests: Sequence[EngineRequest]) -> None:
        """Counts what is in flight."""
        self._engine.submit(requests)
        self._in_flight += len(requests)
        self._mark()

    def poll(self, timeout: float) -> list[Completion]:
        """Counts what has come back."""
        completions = self._engine.poll(timeout)
        self._in_flight -= len(completions)
        self._count(completions)
        self._mark()
        return completions

    def close(self) -> None:
        """Ends the stage and passes on; may be called twice."""
        self._in_flight = 0
        self._turn_to(None)
        self._engine.close()

    def _mark(self) -> None:
        self._turn_to(("engine" if self._in_flight else None) if self._engine.is_ready else "start")

    def _turn_to(self, stage: str | None) -> None:
        if stage != self._stage:
            if self._stage is not None:
                self._timeline.end(self._stage)
            if stage is not None:
                self._timeline.begin(stage)
            self._stage = stage
            self._on_stage(stage)
