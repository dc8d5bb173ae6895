"""Faults of other harnesses, which `--compat` puts into the scoring of the tasks that name them.

A fault is data: a name, where it is in the other harness, what it does, and the fields of a task file that it changes.
The faults of one harness are one file in a folder of the library, and the code that they name stands beside it. A task
file's field `compat` names, by harness, those that its benchmark has there; a fault with `every` is in all tasks of one
output type that leave scoring and filters to the harness.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import fasteval
from fasteval.errors import UnknownNameError
from fasteval.tasks.loading import Place, TaskFile, load_task_file

__all__ = ["Fault", "check_harness", "faults_of", "with_faults"]

_log = logging.getLogger(__name__)

#: Harness -> the file of its faults, below the library.
_FILES = {"lmms-eval": "_lmms_eval/faults.yaml"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which another harness scores wrongly.

    Attributes:
        name: by which task files and results name it.
        where: file and functions in the other harness.
        what: what it does.
        changes: the task file's fields that it replaces.
        place: where it stands in the file of faults.
        every: output type of the tasks that all have it; None where task files name it.
    """

    name: str
    where: str
    what: str
    changes: dict[str, Any]
    place: Place
    every: str | None = None

    def is_in(self, file: TaskFile, named: list[str]) -> bool:
        """Whether the task of a file has the fault, given the names in its field `compat`."""
        if self.every is None:
            return self.name in named
        own = any(file.fields.get(name) for name in ("process_results", "filter_list"))
        return file.fields.get("output_type") == self.every and not own


def check_harness(name: str) -> None:
    """Raises `UnknownNameError` if there is no harness of this name whose faults are known."""
    if name not in _FILES:
        raise UnknownNameError("harness", name, _FILES, hint=f"--compat knows {', '.join(_FILES)}")


@lru_cache
def faults_of(harness: str) -> dict[str, Fault]:
    """Returns the known faults of a harness, by name.

    Raises:
        UnknownNameError: the harness is not known.
    """
    check_harness(harness)
    file = load_task_file(Path(fasteval.__file__).parent / "_library" / _FILES[harness])
    return {name: Fault(name, place=file.places[name], **entry) for name, entry in file.fields.items()}


def with_faults(file: TaskFile, harness: str | None) -> TaskFile:
    """Returns a task file as it is scored with the faults of `harness`, or with none.

    Its field `compat` then holds the names of the faults that are in its scoring, under the harness's; or is not there.

    Raises:
        TaskFileError: the field names a harness or a fault that is not known.
    """
    named = _named(file)
    fields = {name: value for name, value in file.fields.items() if name != "compat"}
    if harness is None:
        return replace(file, fields=fields)
    faults = [fault for fault in faults_of(harness).values() if fault.is_in(file, named.get(harness, []))]
    places = dict(file.places)
    for fault in faults:
        fields |= fault.changes
        places |= dict.fromkeys(fault.changes, fault.place)
    fields["compat"] = {harness: [fault.name for fault in faults]}
    shown = ", ".join(fields["compat"][harness]) or "none is known"
    _log.info("%s: scored with %s's faults: %s", fields.get("task"), harness, shown)
    return replace(file, fields=fields, places=places)


def _named(file: TaskFile) -> dict[str, list[str]]:
    named = file.fields.get("compat") or {}
    if not isinstance(named, dict) or not all(isinstance(names, list) for names in named.values()):
        raise file.error("compat", f"expected a list of faults by harness, got {named!r}")
    for harness, names in named.items():
        try:
            known = [fault.name for fault in faults_of(str(harness)).values() if fault.every is None]
            for name in names:
                if name not in known:
                    raise UnknownNameError(f"fault of {harness}", str(name), known)
        except UnknownNameError as error:
            raise file.error("compat", str(error)) from error
    return named
