"""`EngineWrapper`: an engine around an engine, which passes on whatever a subclass does not answer itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fasteval.models.engine import Engine

__all__ = ["EngineWrapper"]


class EngineWrapper:
    """Subclasses have the methods that they are there for; all others are those of the engine inside."""

    def __init__(self, engine: Engine) -> None:
        """Wraps `engine`."""
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        """Returns what the engine inside has under a name that is not defined here."""
        return getattr(self._engine, name)
