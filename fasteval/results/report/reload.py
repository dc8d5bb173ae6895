"""The documents of a saved run, loaded again for their images."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from fasteval.errors import DocumentError, FastEvalError, SavedResultsError
from fasteval.results.encoding import to_json, without_media

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fasteval.results.report.album import MediaOf
    from fasteval.results.saved import SavedRun, SavedTask
    from fasteval.tasks import ConfigurableTask

__all__ = ["reload_media"]


def reload_media(run: SavedRun) -> tuple[dict[str, MediaOf], str]:
    """Returns for each task what gives its documents' media, and, where there is none, why not.

    The tasks are those that the run's settings name. A document that is not the one that was evaluated gives no media:
    the samples' `doc_hash` tells.
    """
    try:
        tasks = _load_tasks(run)
    except FastEvalError as error:
        return {}, f"the tasks cannot be loaded: {error}"
    return {name: _media_of(tasks[name], task) for name, task in run.tasks.items() if name in tasks}, ""


def _load_tasks(run: SavedRun) -> dict[str, ConfigurableTask]:
    from fasteval.tasks import TaskManager

    settings = run.settings
    names = settings.get("tasks")
    if not isinstance(names, list):
        raise SavedResultsError(f"{run.path} does not say how they were loaded")
    manager = TaskManager(
        include_path=list(settings.get("include_path") or ()),
        datasets=settings.get("datasets") or {},
        prompt_profile=settings.get("prompt_profile") or "default",
    )
    return manager.load_task_or_group(names)


def _media_of(task: ConfigurableTask, saved: SavedTask) -> MediaOf:
    hashes: Mapping[int, Any] = {sample["doc_id"]: sample.get("doc_hash") for sample in saved.samples}

    def media(doc_id: int) -> list[Any]:
        if doc_id >= len(task.docs):
            raise DocumentError("the data have fewer documents than they had when the run was made")
        doc = task.docs[doc_id]
        digest = hashlib.sha256(to_json(without_media(doc), sort_keys=True)).hexdigest()
        if hashes.get(doc_id) != digest:
            raise DocumentError("the documents are not those of the run: the data or the task changed since")
        return task.media(doc)

    return media
