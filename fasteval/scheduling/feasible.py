"""Whether an engine can do what a run asks of it, found out before anything is loaded."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from fasteval.api.request import Kind
from fasteval.errors import FastEvalError, UnsupportedError
from fasteval.models.sampling import SamplingParameters

if TYPE_CHECKING:
    from fasteval.models.engine import Capabilities
    from fasteval.scheduling.loader import RequestLoader
    from fasteval.scheduling.plan import Plan

__all__ = ["check_feasible", "check_media"]


def check_feasible(plan: Plan, capabilities: Capabilities) -> None:
    """Checks the rows that must run against what the engine can do.

    Raises:
        UnsupportedError: it does not answer such requests, or cannot honour an option; names the task.
    """
    table = plan.table
    if not len(plan.order):
        return
    for kind in np.unique(table.kind[plan.order]):
        if Kind(kind) not in capabilities.kinds:
            row = plan.order[np.argmax(table.kind[plan.order] == kind)]
            name = table.task_names[int(table.task[row])]
            raise UnsupportedError(f"{name}: this model answers no {Kind(kind).request_type} requests")
    if capabilities.options is None:
        return
    neutral = SamplingParameters()
    for index in np.unique(table.generation[plan.order]):
        if index < 0:
            continue
        options = plan.sampling[int(index)]
        for field in fields(options):
            is_set = getattr(options, field.name) != getattr(neutral, field.name)
            if is_set and field.name != "max_tokens_given" and field.name not in capabilities.options:
                row = plan.order[np.argmax(table.generation[plan.order] == index)]
                name = table.task_names[int(table.task[row])]
                value = getattr(options, field.name)
                raise UnsupportedError(f"{name}: this model's server does not know {field.name}={value}")


def check_media(plan: Plan, capabilities: Capabilities, loader: RequestLoader) -> None:
    """Checks the media of each task's first document that must run against what the engine takes.

    Raises:
        UnsupportedError: it takes no media of that kind; names the task.
    """
    table = plan.table
    chats = plan.order[table.chat[plan.order]]
    for task, first in zip(*np.unique(table.task[chats], return_index=True), strict=True):
        try:
            _, media = loader.prompt(table.row(int(chats[first])))
        except (FastEvalError, OSError):
            continue  # a document whose media cannot be had is an error row when its turn comes
        for kind in sorted({medium.kind for medium in media} - capabilities.media):
            takes = ", ".join(sorted(capabilities.media)) or "text only"
            raise UnsupportedError(f"{table.task_names[int(task)]}: this model takes no {kind}: it takes {takes}")
