"""Every error that fasteval raises on purpose.

The hierarchy::

    FastEvalError
    ├── UsageError                 the command, a flag or an argument is wrong
    │   └── UnknownNameError       a name that nothing carries; offers the nearest one
    ├── TaskError                  a task cannot be loaded or run
    │   ├── TaskFileError          a YAML or Python file of a task is wrong (file, line, field)
    │   │   └── MissingPackageError its code needs a package that is not installed
    │   ├── DatasetError           a data set is not there or lacks a column
    │   └── DocumentError          one document cannot be prompted or scored: becomes one error row
    ├── ModelError                 a model cannot be loaded or used
    │   ├── CheckpointError        the weights are not there, or not readable
    │   ├── UnsupportedError       the engine cannot honour what was asked of it
    │   ├── EngineError            the engine failed as a whole (died, hangs, out of memory)
    │   ├── RequestError           one request cannot be answered: becomes one error row
    │   └── JudgeError             a judge gave no answer, or none that can be read: becomes one error row
    ├── ErrorLimitError            more documents failed than `--on_error` allows
    ├── CacheError                 the response cache cannot be opened or written
    ├── OutputError                results cannot be written
    ├── SavedResultsError          files of an earlier run cannot be read
    └── IncomparableError          two runs differ in more than the model

`DocumentError` and `RequestError` cost one row and never the run; every other one stops it with one line.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["FastEvalError", "UnknownNameError", "UsageError", "check_names", "first_line", "nearest"]
__all__ += ["DatasetError", "DocumentError", "MissingPackageError", "TaskError", "TaskFileError"]
__all__ += ["CheckpointError", "EngineError", "JudgeError", "ModelError", "RequestError", "UnsupportedError"]
__all__ += ["CacheError", "ErrorLimitError", "IncomparableError", "OutputError", "SavedResultsError"]


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's text, or the name of its class where it has none."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Returns the candidate that looks most like `name`, or None if none is close."""
    by_lowercase = {candidate.lower(): candidate for candidate in candidates}
    close = difflib.get_close_matches(name.lower(), by_lowercase, n=1, cutoff=0.6)
    return by_lowercase[close[0]] if close else None


class FastEvalError(Exception):
    """Base of everything that fasteval raises on purpose; its text is one clear line for the user."""

    exit_code = 1


class UsageError(FastEvalError):
    """The command, a flag or an argument is wrong."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name that nothing carries. The text offers the nearest valid one."""

    def __init__(self, what: str, name: str, candidates: Iterable[str], hint: str = "") -> None:
        """Describes an unknown `name` of a `what` ("task", "model argument", …) among `candidates`."""
        self.name = name
        self.suggestion = nearest(name, candidates)
        text = f"unknown {what} '{name}'"
        if self.suggestion is not None:
            text += f": did you mean '{self.suggestion}'?"
        if hint:
            text += f" ({hint})"
        super().__init__(text)


def check_names(what: str, names: Iterable[str], known: Iterable[str], hint: str = "") -> None:
    """Refuses the first of `names` that is not `known`; the arguments are those of `UnknownNameError`.

    Raises:
        UnknownNameError: there is one.
    """
    candidates = list(known)
    for name in names:
        if name not in candidates:
            raise UnknownNameError(what, name, candidates, hint)


class UnsupportedOptionError(UsageError):
    """An option of generation that is known, and that no engine here can honour."""


class TaskError(FastEvalError):
    """A task cannot be loaded or run."""


class TaskFileError(TaskError):
    """A YAML or Python file of a task is wrong. The text starts with file, line and field where they are known."""

    def __init__(self, message: str, *, file: Path | str, line: int | None = None, field: str | None = None) -> None:
        """Places `message` at `file`, `line` (from 1) and `field`."""
        self.file, self.line, self.field = str(file), line, field
        place = self.file if line is None else f"{self.file}:{line}"
        super().__init__(f"{place}: {field}: {message}" if field else f"{place}: {message}")


class MissingPackageError(TaskFileError):
    """A task's code needs a package that is not installed; the text ends with the command that installs it."""

    def __init__(  # noqa: D107 - see the class
        self, message: str, package: str, *, file: Path | str, line: int | None = None, field: str | None = None
    ) -> None:
        super().__init__(message, file=file, line=line, field=field)
        self.package = package


class DatasetError(TaskError):
    """A data set is not there, cannot be read, or lacks a column that the task names."""


class DocumentError(TaskError):
    """One document cannot be prompted or scored; it becomes one error row."""


class ModelError(FastEvalError):
    """A model cannot be loaded or used."""


class CheckpointError(ModelError):
    """The checkpoint is not there, or not readable."""


class UnsupportedError(ModelError):
    """The engine cannot honour what was asked of it (a generation option, a kind of request, a medium)."""


class EngineError(ModelError):
    """The engine failed as a whole: it died, hangs, or ran out of memory."""


class RequestError(ModelError):
    """One request cannot be answered; it becomes one error row."""


class JudgeError(ModelError):
    """A judge gave no answer, or none that can be read; its document becomes one error row."""


class ErrorLimitError(FastEvalError):
    """More documents failed than `--on_error` allows."""


class CacheError(FastEvalError):
    """The response cache cannot be opened or written."""


class OutputError(FastEvalError):
    """Results cannot be written."""


class SavedResultsError(FastEvalError):
    """Files of an earlier run cannot be read."""


class IncomparableError(FastEvalError):
    """Two runs differ in more than the model: in prompts, data or scoring."""
