"""`lmms_eval.api.task` and `lm_eval.api.task`: the base class of tasks that are Python classes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Task: Any
    ConfigurableTask: Any
    TaskConfig: Any

__all__ = ["ConfigurableTask", "Task", "TaskConfig"]

_HOME = {"Task": "fasteval.tasks", "ConfigurableTask": "fasteval.tasks", "TaskConfig": "fasteval.tasks"}


def __getattr__(name: str) -> Any:
    """Imports the class from its room, which is above this one, only when a task's code asks for it."""
    if name in _HOME:
        # Their `Task` has everything that the classes derived from it use; of ours only `ConfigurableTask` has.
        wanted = "ConfigurableTask" if name == "Task" else name
        return getattr(importlib.import_module(_HOME[name]), wanted)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
