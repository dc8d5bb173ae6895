"""Tasks: a folder's YAML and Python become documents, prompts, targets and metrics.

May read task files, run their code and load data sets; never runs a model and never aggregates.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fasteval.tasks.classes import ClassTask
    from fasteval.tasks.config import TaskConfig
    from fasteval.tasks.configurable import ConfigurableTask
    from fasteval.tasks.datasets import Documents
    from fasteval.tasks.groups import AggregateMetric, Group, GroupConfig
    from fasteval.tasks.index import TaskIndex
    from fasteval.tasks.manager import TaskManager

# Each is imported when it is asked for: listing names needs none but the index.
_HOME = {
    "AggregateMetric": "groups",
    "ClassTask": "classes",
    "ConfigurableTask": "configurable",
    "Documents": "datasets",
    "Group": "groups",
    "GroupConfig": "groups",
    "TaskConfig": "config",
    "TaskIndex": "index",
    "TaskManager": "manager",
}

__all__ = [
    "AggregateMetric",
    "ClassTask",
    "ConfigurableTask",
    "Documents",
    "Group",
    "GroupConfig",
    "TaskConfig",
    "TaskIndex",
    "TaskManager",
]


def __getattr__(name: str) -> Any:
    """Imports a name from its file."""
    if name in _HOME:
        return getattr(importlib.import_module(f"fasteval.tasks.{_HOME[name]}"), name)
    raise AttributeError(f"module 'fasteval.tasks' has no attribute '{name}'")
