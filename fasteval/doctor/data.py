"""Data sets: which of the library's are on this machine, so that their tasks run without a network."""

from __future__ import annotations

import importlib.util
import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from fasteval.doctor.finding import Finding, Status
from fasteval.errors import TaskFileError
from fasteval.tasks.index import LIBRARY, TaskIndex
from fasteval.tasks.loading import load_task_file

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["examine_data", "library_data"]

_YES = ("1", "true", "yes", "on")
_NEEDS_PACKAGE = {"easy_vqa": ("easy_vqa", "pip install 'fasteval[demo]'")}


def library_data() -> dict[str, list[str]]:
    """Returns the library's data sets by their names on the Hub, each with the tasks that need it."""
    tasks: dict[str, list[str]] = defaultdict(list)
    for name, file in TaskIndex.of_folders([LIBRARY]).tasks.items():
        try:
            path = load_task_file(Path(file)).fields.get("dataset_path")
        except TaskFileError:
            continue  # `fasteval tasks validate` says so
        if isinstance(path, str) and "/" in path and not path.startswith((".", "/")):
            tasks[path].append(name)
    return dict(tasks)


def examine_data() -> Iterator[Finding]:
    """Yields whether the Hub is to be asked, and for each data set of the library whether it is here."""
    is_offline = any(os.environ.get(name, "").lower() in _YES for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"))
    offline = "is not asked (HF_HUB_OFFLINE is set): only what is here can be used"
    text = offline if is_offline else "is asked where needed"
    yield Finding("data", "the Hub", Status.FINE, text, facts={"offline": is_offline})
    for task, (package, mend) in _NEEDS_PACKAGE.items():
        if importlib.util.find_spec(package) is None:
            text = f"the data come with the package {package}, which is missing"
            yield Finding("data", task, Status.LACK, text, mend)
        else:
            yield Finding("data", task, Status.FINE, f"here, in the package {package}")
    for name, tasks in sorted(library_data().items()):
        needed = f"needed by {', '.join(tasks[:3])}" + (f" and {len(tasks) - 3} more" if len(tasks) > 3 else "")
        place = _local_copy(name)
        facts = {"tasks": tasks, "path": None if place is None else str(place)}
        if place is not None:
            yield Finding("data", name, Status.FINE, f"here; {needed}", facts=facts)
            continue
        mend = f"hf download --repo-type dataset {name}"
        if is_offline:
            mend = f"env -u HF_HUB_OFFLINE -u HF_DATASETS_OFFLINE {mend}  # or give a copy: --dataset {name}=PATH"
        yield Finding("data", name, Status.LACK, f"not here; {needed}", mend, facts)


def _local_copy(name: str) -> Path | None:
    """Returns where the Hub's cache, or that of `datasets`, has files of a data set; None if neither has."""
    from huggingface_hub import constants

    hub = Path(constants.HF_HUB_CACHE) / f"datasets--{name.replace('/', '--')}" / "snapshots"
    prepared = Path(os.environ.get("HF_DATASETS_CACHE") or Path(constants.HF_HOME) / "datasets")
    for folder in (hub, prepared / name.replace("/", "___")):
        if folder.is_dir() and any(path.suffix != ".md" and path.is_file() for path in folder.rglob("*")):
            return folder
    return None
