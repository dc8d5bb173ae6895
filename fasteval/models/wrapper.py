"""`EngineWrapper`: an engine around an engine, which passes everything on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fasteval.api.prompt import Prompt
    from fasteval.api.request import Completion, EngineRequest
    from fasteval.models.engine import Capabilities, Engine

__all__ = ["EngineWrapper"]


class EngineWrapper:
    """Subclasses change what they are there for."""

    def __init__(self, engine: Engine) -> None:
        """Wraps `engine`."""
        self._engine = engine

    def fingerprint(self) -> str:
        """Passes on."""
        return self._engine.fingerprint()

    def identity(self) -> dict[str, Any]:
        """Passes on."""
        return self._engine.identity()

    def capabilities(self) -> Capabilities:
        """Passes on."""
        return self._engine.capabilities()

    def render(self, prompt: Prompt) -> str:
        """Passes on."""
        return self._engine.render(prompt)

    def start(self) -> None:
        """Passes on."""
        self._engine.start()

    @property
    def is_ready(self) -> bool:
        """Passes on."""
        return self._engine.is_ready

    def submit(self, requests: Sequence[EngineRequest]) -> None:
        """Passes on."""
        self._engine.submit(requests)

    def poll(self, timeout: float) -> list[Completion]:
        """Passes on."""
        return self._engine.poll(timeout)

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
        """Passes on."""
        self._engine.close()
