"""Results and samples become files: complete ones or none."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from fasteval.errors import OutputError
from fasteval.results.encoding import json_lines, to_json
from fasteval.results.layouts import find_layout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fasteval.results.model import Results

__all__ = ["KEPT_LAYOUT", "check_writable", "complete_file", "output_errors", "save_results"]

#: The layout in which `TaskResult.samples_file` is written.
KEPT_LAYOUT = "fasteval"


def check_writable(path: Path | None) -> None:
    """Makes sure, before hours are spent, that results can be written to `path`: a folder, a .json file, or nowhere.

    Raises:
        OutputError: they cannot; the text says why.
    """
    if path is None:
        return
    is_file = path.suffix.lower() == ".json"
    folder = path.parent if is_file else path
    try:
        if is_file and path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except FileExistsError:
        raise OutputError(f"cannot write results to {path}: {folder} is a file; choose another --output_path") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write results to {path}: {reason}; choose another --output_path") from error


def save_results(
    results: Results, output_path: Path, *, log_samples: bool = True, layout: str = "fasteval"
) -> list[Path]:
    """Writes the results, and the samples of each task; returns the files, the results file first.

    `<output_path>/<model>/<YYYYMMDD_HHMMSS>_results.json` and `…_samples_<task>.jsonl`, or what another layout calls
    them; where `output_path` ends in .json it is the results file itself, and the samples stand beside it. Each file
    appears under its name when it is complete, the results file last: where it is, the samples are.

    Raises:
        UnknownNameError: no layout has that name.
        OutputError: a file cannot be written.
    """
    shape = find_layout(layout)
    results_path, samples_path = shape.paths(results, output_path)
    try:
        results_path.parent.mkdir(parents=True, exist_ok=True)
        samples: list[Path] = []
        for name, task in results.tasks.items() if log_samples else ():
            path = _unused(samples_path(name), samples)
            with complete_file(path) as file:
                if task.samples_file is not None and layout == KEPT_LAYOUT:
                    with task.samples_file.open("rb") as kept:
                        shutil.copyfileobj(kept, file, 1 << 20)
                else:
                    file.writelines(json_lines(shape.sample(sample, task) for sample in task.samples))
            samples.append(path)
        with complete_file(results_path) as file:
            file.write(to_json(shape.results(results), indent=True) + b"\n")
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write results to {error.filename or output_path}: {reason}") from error
    return [results_path, *samples]


def _unused(path: Path, taken: list[Path]) -> Path:
    """Returns `path`, or a numbered one if a task whose name became the same has taken it."""
    number, unique = 1, path
    while unique in taken:
        number += 1
        unique = path.with_stem(f"{path.stem}_{number}")
    return unique


@contextmanager
def output_errors(what: str) -> Iterator[None]:
    """Turns errors of the file system into an OutputError: `what` cannot be written."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {what}: {error.strerror or error}") from error


@contextmanager
def complete_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a temporary file beside `path` that takes its place once everything is on disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    temporary.unlink(missing_ok=True)
    try:
        # Made anew: a link of that name, which somebody else put there, is not followed.
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
