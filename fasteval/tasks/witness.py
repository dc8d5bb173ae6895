"""What a data set was when it was read, told without reading it: for whoever asks whether it is still the same."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.api.nested import texts_in
from fasteval.safety.paths import expanded
from fasteval.tasks.sources import FILE_BUILDERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fasteval.tasks.config import TaskConfig

__all__ = ["data_witness", "file_state"]

#: A folder with more files than this is not looked through.
_MAX_FILES = 10_000
_REST_NS = 2_000_000_000
_COMMIT = re.compile(r"[0-9a-f]{40}")


def data_witness(config: TaskConfig, folder: Path | None, replacements: Mapping[str, str]) -> Any:
    """Returns a JSON value that changes whenever the data set does; None where nobody can tell without loading it.

    Files on this machine are told by path, size, times and inode; a data set of the Hub by the commit to which the
    task pins it. What a function of the task makes, and a branch of the Hub, nobody can tell.

    Args:
        config: the task.
        folder: what relative paths are relative to.
        replacements: local copies, by name of the data set or of the task.
    """
    replacement = replacements.get(config.dataset_path or "", replacements.get(config.task))
    if replacement is not None:
        return _files([expanded(replacement)])
    if config.custom_dataset is not None or config.dataset_path is None:
        return None
    paths = _local_paths(config.dataset_path, config.dataset_kwargs)
    if paths is not None:
        return _files([path if folder is None else folder / path for path in paths])
    revision = str(config.dataset_kwargs.get("revision", ""))
    return [config.dataset_path, revision] if _COMMIT.fullmatch(revision) else None


def _local_paths(name: str, options: Mapping[str, Any]) -> list[Path] | None:
    """Returns the files and folders that the data set is read from; None if it is the Hub's, [] if nobody can tell."""
    if name in FILE_BUILDERS:
        texts = [*texts_in(options.get("data_files")), *texts_in(options.get("data_dir"))]
        if any("://" in text or any(sign in text for sign in "*?[") for text in texts):
            return []
        return [Path(text) for text in texts]
    if name.startswith(".") or options.get("load_from_disk"):
        return [Path(name)]
    return [Path(name).resolve()] if Path(name).exists() else None


def file_state(path: Path) -> list[Any]:
    """Returns what changes whenever a file's contents do: path, size, times in nanoseconds and inode.

    Raises:
        OSError: it is not there.
    """
    status = path.stat()
    return [str(path.resolve()), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _files(paths: list[Path]) -> list[Any] | None:
    states: list[Any] = []
    try:
        for path in paths:
            for file in [path] if path.is_file() else _below(path):
                states.append(file_state(file))
                # What has just changed may change again within the same tick of its time stamp.
                if len(states) > _MAX_FILES or time.time_ns() - file.stat().st_ctime_ns < _REST_NS:
                    return None
    except OSError:
        return None
    return states or None


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(parent) / name for name in sorted(names))
