"""The contracts that others implement: instance, prompt, model, task, registry. Imports nothing heavy."""

from fasteval.api.instance import Instance
from fasteval.api.model import LMM, lmms
from fasteval.api.prompt import Prompt
from fasteval.api.registry import (
    register_aggregation,
    register_filter,
    register_metric,
    register_model,
)
from fasteval.api.request import Completion, EngineRequest, Response
from fasteval.api.task import Task

__all__ = [
    "LMM",
    "Completion",
    "EngineRequest",
    "Instance",
    "Prompt",
    "Response",
    "Task",
    "lmms",
    "register_aggregation",
    "register_filter",
    "register_metric",
    "register_model",
]
