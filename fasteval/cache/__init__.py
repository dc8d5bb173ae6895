"""The response cache: every answer on disk the moment it is complete. Knows keys and responses, no tasks, no models."""

from __future__ import annotations

import os
from pathlib import Path

from fasteval.cache.store import ResponseCache

__all__ = ["ResponseCache", "default_folder"]


def default_folder() -> Path:
    """Returns the user's cache folder: `FASTEVAL_CACHE`, else fasteval/ under `XDG_CACHE_HOME` or ~/.cache."""
    explicit = os.environ.get("FASTEVAL_CACHE")
    if explicit:
        return Path(explicit).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "fasteval"
