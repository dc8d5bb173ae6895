"""Validation: which tasks load, as far as that can be said without their data, and why the others do not."""

from __future__ import annotations

import contextlib
import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fasteval.errors import FastEvalError, MissingPackageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fasteval.tasks.manager import TaskManager

__all__ = ["FailedTask", "Validation", "validate"]


@dataclass(frozen=True, slots=True)
class FailedTask:
    """A task or group that does not load.

    Attributes:
        task: its name.
        file: the file that defines it.
        reason: one line.
        package: the package that is missing, if that is the reason.
    """

    task: str
    file: Path
    reason: str
    package: str | None = None


@dataclass(frozen=True, slots=True)
class Validation:
    """What came out.

    Attributes:
        ok: tasks that load.
        failed: those that do not, and groups that do not, in order of their names.
    """

    ok: list[str]
    failed: list[FailedTask]

    def by_package(self) -> dict[str | None, list[FailedTask]]:
        """Returns the failed tasks by missing package, the most needed first; the others last, under None."""
        found: dict[str | None, list[FailedTask]] = defaultdict(list)
        for failure in self.failed:
            found[failure.package].append(failure)
        return dict(sorted(found.items(), key=lambda entry: (entry[0] is None, -len(entry[1]), entry[0] or "")))


def validate(manager: TaskManager, names: Iterable[str]) -> Validation:
    """Loads each of the tasks and groups `names` by itself: configuration, functions, metrics and filters, no data.

    What their code prints while it is loaded goes to the standard error output.
    """
    tasks = set(manager.all_tasks)
    ok, failed = [], []
    for name in names:
        try:
            with contextlib.redirect_stdout(sys.stderr):
                manager.check_task(name)
        except FastEvalError as error:
            package = error.package if isinstance(error, MissingPackageError) else None
            failed.append(FailedTask(name, manager.file_of(name), " ".join(str(error).split()), package))
        else:
            ok += [name] if name in tasks else []
    return Validation(ok, failed)
