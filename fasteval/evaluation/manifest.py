"""The manifest: what a run was made of, part by part, so that another run can be held against it."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import xxhash

if TYPE_CHECKING:
    from fasteval.evaluation.settings import RunSettings
    from fasteval.evaluation.workload import Workload
    from fasteval.models.engine import Engine
    from fasteval.scheduling import Plan

__all__ = ["make_manifest"]


def make_manifest(settings: RunSettings, workload: Workload, plan: Plan, engine: Engine) -> dict[str, Any]:
    """Returns the parts as plain JSON values.

    `model` has the parts of the fingerprint; `tasks` for each task the digests of its settings, code, data and requests
    (all prompts, choices and media, in order), the revision of its data set where one is pinned, and its generation
    options as the engine gets them; `seeds` what was drawn at random; `machine` where it was computed.
    """
    return {
        "model": {
            "fingerprint": engine.fingerprint(),
            "parts": engine.identity(),
            "runs_dialogs": engine.capabilities().runs_dialogs,
        },
        "tasks": {name: _task(workload, plan, name) for name in workload.tasks},
        "seeds": {"run": settings.seed, "fewshot": settings.fewshot_seed},
        "prompt_profile": workload.options.prompt_profile,
        "machine": {"system": platform.system(), "processor": platform.machine(), "python": platform.python_version()},
    }


def _task(workload: Workload, plan: Plan, name: str) -> dict[str, Any]:
    task, table = workload.tasks[name], workload.table
    rows = np.flatnonzero(table.task == table.task_names.index(name))
    settings = orjson.dumps(task.config.to_dict(), option=orjson.OPT_SORT_KEYS)
    options = sorted({int(index) for index in np.unique(table.generation[rows]) if index >= 0})
    return {
        "settings": xxhash.xxh3_128_hexdigest(settings),
        "code": task.config.code_digest(),
        "data": task.docs.fingerprint,
        "data_revision": task.config_for_results()["dataset_revision"],
        "requests": xxhash.xxh3_128_hexdigest(table.digest[rows].tobytes()),
        "n_requests": len(rows),
        "sampling": [plan.sampling[index].to_dict() for index in options],
    }
