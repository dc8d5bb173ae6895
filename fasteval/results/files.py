"""Results and samples become files: complete ones or none."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from fasteval.errors import OutputError
from fasteval.results.encoding import to_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fasteval.results.model import Results, TaskResult

__all__ = ["check_writable", "sanitize_name", "save_results"]

# What one file system or another does not take in a name, and control characters.
_UNSAFE = re.compile(r'["<>:/|\\?*\[\]\x00-\x1f\x7f]+')
_MAX_NAME_BYTES = 150


def sanitize_name(name: str) -> str:
    """Returns a name of a model (or task) that is safe as one part of a path.

    As in lmms-eval, the last two parts of a path are kept and joined by "__": "/data/Qwen/Qwen2-VL" gives
    "Qwen__Qwen2-VL". Parts such as ".." are dropped, so that the result cannot leave its folder.
    """
    parts = [part for part in re.split(r"[/\\]", name) if part.strip(" .")]
    safe = _UNSAFE.sub("__", "__".join(parts[-2:])).strip()
    # A leading dot would hide the folder.
    safe = re.sub(r"^\.+", "_", safe) or "model"
    return safe.encode("utf-8", "replace")[:_MAX_NAME_BYTES].decode("utf-8", "ignore")


def check_writable(path: Path | None) -> None:
    """Makes sure, before hours are spent, that results can be written to `path`: a folder, a .json file, or nowhere.

    Raises:
        OutputError: they cannot; the text says why.
    """
    if path is None:
        return
    folder = path.parent if _is_file_name(path) else path
    try:
        if _is_file_name(path) and path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except FileExistsError:
        raise OutputError(f"cannot write results to {path}: {folder} is a file; choose another --output_path") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write results to {path}: {reason}; choose another --output_path") from error


def save_results(results: Results, output_path: Path, *, log_samples: bool = True) -> list[Path]:
    """Writes the results, and the samples of each task; returns the files, the results file first.

    `<output_path>/<model>/<YYYYMMDD_HHMMSS>_results.json` and `…_samples_<task>.jsonl`; where `output_path` ends in
    .json it is the results file itself, and the samples stand beside it. Each file appears under its name when it is
    complete, the results file last: where it is, the samples are.

    Raises:
        OutputError: a file cannot be written.
    """
    results_path, samples_prefix = _names(results, output_path)
    try:
        results_path.parent.mkdir(parents=True, exist_ok=True)
        samples: list[Path] = []
        for name, task in results.tasks.items() if log_samples else ():
            path = _unused(results_path.with_name(f"{samples_prefix}{sanitize_name(name)}.jsonl"), samples)
            _write_samples(path, task)
            samples.append(path)
        with _complete_file(results_path) as file:
            file.write(to_json(results.to_dict(), indent=True) + b"\n")
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write results to {error.filename or output_path}: {reason}") from error
    return [results_path, *samples]


def _is_file_name(path: Path) -> bool:
    return path.suffix.lower() == ".json"


def _names(results: Results, output_path: Path) -> tuple[Path, str]:
    """Returns the results file, and how the names of the samples files begin."""
    from fasteval.results.schema import date_string

    if _is_file_name(output_path):
        return output_path, f"{output_path.stem}_samples_"
    folder, stamp = output_path / sanitize_name(results.model_name), date_string(results.started_at)
    if (results.config.get("world_size") or 1) > 1:
        stamp += f"_rank{results.config.get('rank', 0)}"
    # Two runs within one second must not overwrite each other.
    number, unique = 1, stamp
    while (folder / f"{unique}_results.json").exists():
        number += 1
        unique = f"{stamp}_{number}"
    return folder / f"{unique}_results.json", f"{unique}_samples_"


def _unused(path: Path, taken: list[Path]) -> Path:
    """Returns `path`, or a numbered one if a task whose name became the same has taken it."""
    number, unique = 1, path
    while unique in taken:
        number += 1
        unique = path.with_stem(f"{path.stem}_{number}")
    return unique


def _write_samples(path: Path, task: TaskResult) -> None:
    with _complete_file(path) as file:
        for sample in task.samples:
            file.write(to_json(sample.to_dict()) + b"\n")


@contextmanager
def _complete_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a temporary file beside `path` that takes its place once everything is on disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
