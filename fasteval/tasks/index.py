"""`TaskIndex`: which task, group and tag names the folders define, found without loading the files."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.api.plugins import task_folders
from fasteval.errors import UsageError
from fasteval.safety.paths import expanded, is_folder
from fasteval.tasks.indexstore import IndexStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fasteval.tasks.scan import Scan

__all__ = ["LIBRARY", "Duplicate", "TaskIndex", "tags_of"]

_log = logging.getLogger(__name__)

#: The benchmarks that come with the package.
LIBRARY = Path(__file__).parent.parent / "_library"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A file that is left out, because another file of the same folder has its name.

    Attributes:
        name: the name.
        file: the file that is left out.
        first: the file that counts: the first in the order of paths.
    """

    name: str
    file: Path
    first: Path


@dataclass(frozen=True, slots=True)
class TaskIndex:
    """Names, and the files that define them.

    Attributes:
        tasks: the path of each task's file, a text: there are many thousands.
        groups: the path of each group's file.
        tags: the tasks of each tag, in order of their files.
        duplicates: files that are left out.
    """

    tasks: dict[str, str]
    groups: dict[str, str]
    tags: dict[str, list[str]]
    duplicates: list[Duplicate] = field(default_factory=list)

    @classmethod
    def of_folders(cls, folders: Iterable[Path]) -> TaskIndex:
        """Returns the index of all YAML files below `folders`; a later folder's names replace an earlier one's.

        Within one folder the first file in the order of paths has a name that two files claim; the other one is left
        out with a warning.

        Raises:
            UsageError: a folder is not there.
        """
        index = cls({}, {}, {})
        tags_of_task: dict[str, list[str]] = {}
        for folder in folders:
            if not is_folder(folder):
                raise UsageError(f"there is no folder of tasks {folder}")
            index._add_folder(folder, tags_of_task)
        tags: dict[str, list[str]] = defaultdict(list)
        for task, its_tags in tags_of_task.items():
            for tag in its_tags:
                tags[tag].append(task)
        index.tags.update(tags)
        return index

    @classmethod
    def of_everything(cls, include_path: Iterable[str | Path]) -> TaskIndex:
        """Returns the index of the library, of what other distributions bring, and of further folders.

        Raises:
            UsageError: a folder is not there.
        """
        library = [LIBRARY] if LIBRARY.is_dir() else []
        further = [expanded(str(folder)).absolute() for folder in include_path]
        return cls.of_folders([*library, *task_folders(), *further])

    def names(self) -> list[str]:
        """Returns every name, sorted, each once."""
        return sorted({*self.tasks, *self.groups, *self.tags})

    def _add_folder(self, folder: Path, tags_of_task: dict[str, list[str]]) -> None:
        store = IndexStore.open(folder)
        found: dict[tuple[str, bool], str] = {}
        for path, status in _yaml_files(str(folder)):
            entry = _resolved(store, path, store.scan(path, status), ())
            name, is_group = _name_of(entry)
            if name is None:
                continue
            first = found.setdefault((name, is_group), path)
            if first is not path:
                _log.warning("%s: '%s' is defined in %s already; this file is left out", path, name, first)
                self.duplicates.append(Duplicate(name, Path(path), Path(first)))
                continue
            names = self.groups if is_group else self.tasks
            if name in names:
                _log.warning("%s: '%s' replaces the one of %s", path, name, names[name])
            names[name] = path
            if not is_group:
                tags_of_task[name] = tags_of(entry)
        store.save()


def tags_of(fields: dict[str, Any]) -> list[str]:
    """Returns the tags of a task's fields; a `group` of a task is an old name for a tag."""
    value = fields.get("tag", fields.get("group"))
    if value is None:
        return []
    return [str(tag) for tag in value] if isinstance(value, list | tuple) else [str(value)]


def _yaml_files(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yields path and status of the YAML files below `folder`, a folder's own files first, in order of their names."""
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        if entry.name.endswith(".yaml") and entry.is_file():
            yield entry.path, entry.stat()
    for entry in listed:
        if not entry.name.startswith((".", "__")) and entry.is_dir():
            yield from _yaml_files(entry.path)


def _resolved(store: IndexStore, path: str, own: Scan, within: tuple[str, ...]) -> Scan:
    """Returns the scan with what it lacks from the file's includes; the first of them wins over the later ones."""
    includes = own.get("include")
    # What a task is called and what tags it has: nothing that is missing could come from a template.
    if not includes or (isinstance(own.get("task"), str) and "tag" in own):
        return own
    merged: Scan = {}
    for name in reversed([includes] if isinstance(includes, str) else includes):
        target = os.path.normpath(os.path.join(os.path.dirname(path), name))  # noqa: PTH118, PTH120 - texts are faster
        if target not in within:
            merged |= _resolved(store, target, store.scan(target), (*within, path))
    return merged | own


def _name_of(entry: Scan) -> tuple[str | None, bool]:
    """Returns the name that a file defines, or None, and whether it is a group's."""
    task = entry.get("task")
    if isinstance(task, str):
        return task, False
    if task is True and isinstance(entry.get("group"), str):
        return entry["group"], True
    return None, False
