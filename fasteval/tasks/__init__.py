"""Tasks: a folder's YAML and Python become documents, prompts, targets and metrics.

May read task files, run their code and load data sets; never runs a model and never aggregates.
"""

from fasteval.tasks.config import TaskConfig
from fasteval.tasks.configurable import ConfigurableTask
from fasteval.tasks.datasets import Documents
from fasteval.tasks.groups import AggregateMetric, Group, GroupConfig
from fasteval.tasks.index import TaskIndex
from fasteval.tasks.manager import TaskManager

__all__ = [
    "AggregateMetric",
    "ConfigurableTask",
    "Documents",
    "Group",
    "GroupConfig",
    "TaskConfig",
    "TaskIndex",
    "TaskManager",
]
