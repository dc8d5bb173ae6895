"""fasteval: a vLLM-backed, high-throughput evaluation engine for multimodal and text models.

Everything public is here; each name is imported when it is first used, so `import fasteval` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fasteval.api.instance import Instance
    from fasteval.api.model import LMM, lmms
    from fasteval.api.task import Task
    from fasteval.errors import FastEvalError

__version__ = "0.1.0"

_HOME = {
    "FastEvalError": "fasteval.errors",
    "Instance": "fasteval.api.instance",
    "LMM": "fasteval.api.model",
    "Task": "fasteval.api.task",
    "lmms": "fasteval.api.model",
}

__all__ = ["LMM", "FastEvalError", "Instance", "Task", "__version__", "lmms"]


def __getattr__(name: str) -> Any:
    """Imports a public name from its room."""
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'fasteval' has no attribute '{name}'")


def __dir__() -> list[str]:
    """Lists the public names."""
    return list(__all__)
