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
    from fasteval.evaluation.callbacks import Callback
    from fasteval.evaluation.public import Evaluator, evaluate
    from fasteval.evaluation.settings import RunSettings
    from fasteval.evaluation.simple import simple_evaluate
    from fasteval.results.model import Results
    from fasteval.tasks import ConfigurableTask, TaskManager

__version__ = "0.1.0"

_HOME = {
    "Callback": "fasteval.evaluation.callbacks",
    "LMM": "fasteval.api.model",
    "ConfigurableTask": "fasteval.tasks",
    "Evaluator": "fasteval.evaluation.public",
    "FastEvalError": "fasteval.errors",
    "Instance": "fasteval.api.instance",
    "Results": "fasteval.results.model",
    "RunSettings": "fasteval.evaluation.settings",
    "Task": "fasteval.api.task",
    "TaskManager": "fasteval.tasks",
    "evaluate": "fasteval.evaluation.public",
    "lmms": "fasteval.api.model",
    "simple_evaluate": "fasteval.evaluation.simple",
}

__all__ = ["LMM", "Callback", "ConfigurableTask", "Evaluator", "FastEvalError", "Instance", "Results", "RunSettings"]
__all__ += ["Task", "TaskManager", "__version__", "evaluate", "lmms", "simple_evaluate"]


def __getattr__(name: str) -> Any:
    """Imports a public name from its room."""
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'fasteval' has no attribute '{name}'")


def __dir__() -> list[str]:
    """Lists the public names."""
    return sorted(__all__)
