"""`WatchedEngine`: an engine whose start and work appear on a timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fasteval.api.prompt import Prompt
    from fasteval.api.request import Completion, EngineRequest
    from fasteval.models.engine import Capabilities, Engine
    from fasteval.results.timeline import Timeline

__all__ = ["WatchedEngine"]


class WatchedEngine:
    """Passes everything on. The stage is "start" until the engine is ready, and "engine" while it has requests."""

    def __init__(self, engine: Engine, timeline: Timeline, count: Callable[[Completion], None]) -> None:
        """Wraps `engine`; `count` is called with each completion."""
        self._engine, self._timeline, self._count = engine, timeline, count
        self._stage: str | None = None
        self._in_flight = 0

    def fingerprint(self) -> str:
        """Passes on."""
        return self._engine.fingerprint()

    def capabilities(self) -> Capabilities:
        """Passes on."""
        return self._engine.capabilities()

    def render(self, prompt: Prompt) -> str:
        """Passes on."""
        return self._engine.render(prompt)

    def start(self) -> None:
        """Begins the stage "start" at the first call."""
        self._engine.start()
        self._mark()

    @property
    def is_ready(self) -> bool:
        """Passes on."""
        return self._engine.is_ready

    def submit(self, requests: Sequence[EngineRequest]) -> None:
        """Counts what is in flight."""
        self._engine.submit(requests)
        self._in_flight += len(requests)
        self._mark()

    def poll(self, timeout: float) -> list[Completion]:
        """Counts what has come back."""
        completions = self._engine.poll(timeout)
        self._in_flight -= len(completions)
        for completion in completions:
            self._count(completion)
        self._mark()
        return completions

    def cancel(self, rows: Iterable[int]) -> None:
        """Passes on."""
        self._engine.cancel(rows)

    def counters(self) -> dict[str, float]:
        """Passes on."""
        return self._engine.counters()

    def reset_caches(self) -> None:
        """Passes on."""
        self._engine.reset_caches()

    def close(self) -> None:
        """Ends the stage and passes on."""
        self._in_flight = 0
        self._mark()
        self._engine.close()

    def _mark(self) -> None:
        stage = ("engine" if self._in_flight else None) if self._engine.is_ready else "start"
        if stage != self._stage:
            if self._stage is not None:
                self._timeline.end(self._stage)
            if stage is not None:
                self._timeline.begin(stage)
            self._stage = stage
