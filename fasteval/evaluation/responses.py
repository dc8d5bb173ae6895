"""The response cache of a run's models: the one that is evaluated, and its judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fasteval.cache import ResponseCache

if TYPE_CHECKING:
    from pathlib import Path

    from fasteval.evaluation.settings import RunSettings
    from fasteval.models.engine import Engine

__all__ = ["open_cache"]


def open_cache(settings: RunSettings, cache_folder: Path, engine: Engine, model_name: str) -> ResponseCache:
    """Returns the response cache; answers of a model that nobody can tell from another are not kept."""
    if settings.no_cache or not engine.capabilities().is_cacheable:
        return ResponseCache.in_memory()
    about = {"model": model_name, "fingerprint": engine.fingerprint(), "parts": engine.identity()}
    return ResponseCache.open(settings.use_cache or cache_folder / "responses", about)
