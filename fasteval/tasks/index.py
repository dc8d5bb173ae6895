"""`TaskIndex`: which task, group and tag names the folders define, found without loading the files."""

from __future__ import annotations

import logging
import os
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.errors import TaskFileError, UsageError
from fasteval.tasks.functions import FunctionReference
from fasteval.tasks.loading import load_task_file

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LIBRARY", "TaskIndex", "tags_of"]

_log = logging.getLogger(__name__)

#: The benchmarks that come with the package.
LIBRARY = Path(__file__).parent.parent / "_library"

_KEYS = ("task", "group", "tag", "class", "include")
_LINE = re.compile(rb"^(task|group|tag|class|include)[ \t]*:[ \t]*(.*?)[ \t]*\r?$", re.MULTILINE)
_PLAIN = re.compile(r"[A-Za-z_][\w.+/-]*")
_NO_TEXT = frozenset({"true", "false", "yes", "no", "on", "off", "null"})


@dataclass(frozen=True, slots=True)
class TaskIndex:
    """Names, and the files that define them.

    Attributes:
        tasks: the file of each task.
        groups: the file of each group.
        tags: the tasks of each tag, in order of their files.
    """

    tasks: dict[str, Path]
    groups: dict[str, Path]
    tags: dict[str, list[str]]

    @classmethod
    def of_folders(cls, folders: Iterable[Path]) -> TaskIndex:
        """Returns the index of all YAML files below `folders`; a later folder's names replace an earlier one's.

        Raises:
            UsageError: a folder is not there.
        """
        tasks: dict[str, Path] = {}
        groups: dict[str, Path] = {}
        tags_of_task: dict[str, list[str]] = {}
        for folder in folders:
            if not folder.is_dir():
                raise UsageError(f"there is no folder of tasks {folder}")
            for path in _yaml_files(folder):
                entry = _scan(path)
                name, is_group = _name_of(entry)
                if name is not None:
                    names = groups if is_group else tasks
                    if _note(name, path, names, folder) and not is_group:
                        tags_of_task[name] = tags_of(entry)
        tags: dict[str, list[str]] = defaultdict(list)
        for task, its_tags in tags_of_task.items():
            for tag in its_tags:
                tags[tag].append(task)
        return cls(tasks, groups, dict(tags))

    def names(self) -> list[str]:
        """Returns every name, sorted, each once."""
        return sorted({*self.tasks, *self.groups, *self.tags})


def tags_of(fields: dict[str, Any]) -> list[str]:
    """Returns the tags of a task's fields; a `group` of a task is an old name for a tag."""
    value = fields.get("tag", fields.get("group"))
    if value is None:
        return []
    return [str(tag) for tag in value] if isinstance(value, list | tuple) else [str(value)]


def _yaml_files(folder: Path) -> list[Path]:
    files = []
    for root, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        files += [Path(root, name) for name in sorted(names) if name.endswith(".yaml")]
    return files


def _name_of(entry: dict[str, Any]) -> tuple[str | None, bool]:
    """Returns the name that a file defines, or None, and whether it is a group's."""
    task = entry.get("task")
    if isinstance(task, str):
        return task, False
    if isinstance(task, list) and isinstance(entry.get("group"), str):
        return entry["group"], True
    return None, False


def _note(name: str, path: Path, names: dict[str, Path], folder: Path) -> bool:
    known = names.get(name)
    if known is not None and known.is_relative_to(folder):
        _log.warning("%s: '%s' is defined in %s already; this file is left out", path, name, known)
        return False
    if known is not None:
        _log.info("%s: '%s' replaces the one of %s", path, name, known)
    names[name] = path
    return True


def _scan(path: Path) -> dict[str, Any]:
    """Returns the few fields that say what a file defines.

    Where they are plain texts on one line they are read as such; parsing all of a large library would take seconds.
    """
    plain: dict[str, Any] = {}
    is_plain = True
    for key, value in _LINE.findall(path.read_bytes()):
        text = value.decode("utf-8", "replace")
        if key != b"include" and _PLAIN.fullmatch(text) and text.lower() not in _NO_TEXT:
            plain[key.decode()] = text
        else:
            is_plain = False
    if is_plain:
        return plain
    try:
        fields = load_task_file(path).fields
    except TaskFileError as error:
        # One broken file must not hide all the others; whoever asks for its task gets the error itself.
        _log.warning("%s (found while looking for tasks)", error)
        return plain
    return {key: value for key, value in fields.items() if key in _KEYS and not isinstance(value, FunctionReference)}
