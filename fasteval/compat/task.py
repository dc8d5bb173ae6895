"""`lmms_eval.api.task` and `lm_eval.api.task`: the base class of tasks that are Python classes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Task: Any
    ConfigurableTask: Any
    TaskConfig: Any

__all__ = ["ConfigurableTask", "Task", "TaskConfig"]

_HOME = {"Task": "ClassTask", "ConfigurableTask": "ClassTask", "TaskConfig": "TaskConfig"}


def __getattr__(name: str) -> Any:
    """Returns the class of ours for one of theirs; its room is above this one, and imported when task code asks."""
    if name in _HOME:
        return getattr(importlib.import_module("fasteval.tasks"), _HOME[name])
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
