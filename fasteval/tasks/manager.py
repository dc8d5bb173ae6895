"""`TaskManager`: names, patterns and paths become loaded tasks and groups."""

from __future__ import annotations

import fnmatch
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.compat import add_root
from fasteval.errors import FastEvalError, UnknownNameError, UsageError
from fasteval.safety.paths import expanded, is_file, is_folder
from fasteval.tasks.classes import ClassTask
from fasteval.tasks.config import TaskConfig
from fasteval.tasks.configurable import ConfigurableTask
from fasteval.tasks.functions import TaskFunction
from fasteval.tasks.groups import Group, GroupConfig
from fasteval.tasks.index import TaskIndex
from fasteval.tasks.loading import TaskFile, load_task_file
from fasteval.tasks.peerfaults import check_harness, with_faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["TaskManager"]


class TaskManager:
    """Finds and loads tasks of the library and of further folders.

    Attributes:
        groups: the groups among what `load_task_or_group` loaded last, by name, those inside others first.
    """

    def __init__(
        self,
        include_path: str | Path | Sequence[str | Path] | None = None,
        *,
        datasets: Mapping[str, str] | None = None,
        prompt_profile: str = "default",
        compat: str | None = None,
    ) -> None:
        """Looks for names in the library, in what other distributions bring, and in `include_path`; loads nothing.

        Args:
            include_path: folders of tasks. Their names replace the library's, those of later folders earlier ones'.
            datasets: local copies of data sets, by name of the data set or of the task.
            prompt_profile: which entry of `lmms_eval_specific_kwargs` is used.
            compat: the harness whose known faults are in the scoring of the tasks that are loaded; None means none.

        Raises:
            UsageError: a folder is not there.
            UnknownNameError: there is no such harness.
        """
        if compat is not None:
            check_harness(compat)
        given = [include_path] if isinstance(include_path, str | Path) else include_path or []
        self._index = TaskIndex.of_everything(given)
        for folder in given:
            add_root(expanded(str(folder)).absolute())
        self._datasets, self._prompt_profile, self._compat = dict(datasets or {}), prompt_profile, compat
        self._settings: dict[str, TaskFile] = {}
        self.groups: dict[str, Group] = {}

    @property
    def all_tasks(self) -> list[str]:
        """The names of all tasks, sorted."""
        return sorted(self._index.tasks)

    @property
    def all_groups(self) -> list[str]:
        """The names of all groups, sorted."""
        return sorted(self._index.groups)

    @property
    def all_tags(self) -> list[str]:
        """The names of all tags, sorted."""
        return sorted(self._index.tags)

    def load_task_or_group(self, names: str | Path | Mapping[str, Any] | Iterable[Any]) -> dict[str, ConfigurableTask]:
        """Returns the tasks that are meant, by name, in the order in which they were asked for.

        Args:
            names: names of tasks, groups or tags; patterns such as `mmmu_*`; paths of YAML files or of folders of
                them; mappings with a task's settings; or tasks that were loaded before.

        Raises:
            UnknownNameError: nothing has that name.
            UsageError: one task is asked for with two different settings.
            TaskFileError: a file is wrong.
        """
        loaded: dict[str, ConfigurableTask] = {}
        self.groups, self._settings = {}, {}
        for name in [names] if isinstance(names, str | Path | dict | ConfigurableTask) else names:
            self._load(name, {}, loaded, ())
        return loaded

    def file_of(self, name: str) -> Path:
        """Returns the file that defines the task or group `name`.

        Raises:
            UnknownNameError: no file does.
        """
        path = self._index.tasks.get(name) or self._index.groups.get(name)
        if path is None:
            raise UnknownNameError("task", name, self._index.names())
        return Path(path)

    def names_below(self, folder: Path) -> list[str]:
        """Returns the tasks and groups whose files are below `folder`, sorted."""
        defined = (*self._index.tasks.items(), *self._index.groups.items())
        inside = str(folder) + "/"
        return sorted({name for name, path in defined if path.startswith(inside)})

    def names_matching(self, names: Iterable[str]) -> list[str]:
        """Returns the tasks and groups that names, tags and patterns stand for, each once.

        Raises:
            UnknownNameError: nothing has that name.
        """
        found: dict[str, None] = {}
        for name in names:
            members = [name] if name in self._index.tasks or name in self._index.groups else self._several(name)
            if members is None:
                raise UnknownNameError("task", name, self._index.names())
            found |= dict.fromkeys(str(member) for member in members)
        return list(found)

    def check_task(self, name: str) -> None:
        """Loads the task `name` without its data, and forgets it.

        Raises:
            TaskFileError: its file is wrong, or code that it names cannot be loaded.
        """
        path = self.file_of(name)
        file = load_task_file(path)
        if not isinstance(file.fields.get("task"), list):
            self._make(file, path.parent)
            return
        for member in GroupConfig.from_file(file).task:
            known = not isinstance(member, str) or member in self._index.tasks or member in self._index.groups
            if not known and self._several(str(member)) is None:
                raise file.error("task", f"the member '{member}' is no task, group or tag")

    def _load(
        self, entry: Any, changes: dict[str, Any], loaded: dict[str, ConfigurableTask], within: tuple[str, ...]
    ) -> list[str]:
        """Loads what one entry means into `loaded`, and returns the names of its tasks."""
        if isinstance(entry, dict):
            return self._load_mapping(entry, changes, loaded, within)
        if isinstance(entry, ConfigurableTask):
            made_for = next(iter(entry.config.compat), None)
            if made_for != self._compat:
                raise UsageError(
                    f"the task '{entry.name}' was loaded with compat={made_for!r}, and is evaluated with "
                    f"compat={self._compat!r}: load it with TaskManager(compat={self._compat!r})"
                )
            loaded[entry.name] = entry
            return [entry.name]
        name, index = str(entry), self._index
        if name in index.tasks:
            return self._load_file(Path(index.tasks[name]), changes, loaded, within)
        if name in index.groups:
            return self._load_file(Path(index.groups[name]), changes, loaded, within)
        several = self._several(name)
        if several is None:
            hint = "--tasks list shows all names; --include_path adds folders"
            raise UnknownNameError("task", name, index.names(), hint)
        names: list[str] = []
        for item in several:
            load = self._load_file if isinstance(item, Path) else self._load
            names += load(item, changes, loaded, within)
        return list(dict.fromkeys(names))

    def _several(self, name: str) -> list[Any] | None:
        """Returns the names or files that a tag, a pattern or a path stands for; None if it stands for nothing."""
        if name in self._index.tags:
            return list(self._index.tags[name])
        if any(character in name for character in "*?["):
            return fnmatch.filter(self._index.names(), name) or None
        path = expanded(name)
        if path.suffix in (".yaml", ".yml") and is_file(path):
            add_root(path.parent.absolute())
            return [path.absolute()]
        if is_folder(path):
            add_root(path.absolute())
            return [Path(file) for file in TaskIndex.of_folders([path.absolute()]).tasks.values()] or None
        return None

    def _load_mapping(
        self,
        entry: dict[str, Any],
        changes: dict[str, Any],
        loaded: dict[str, ConfigurableTask],
        within: tuple[str, ...],
    ) -> list[str]:
        task, group = entry.get("task"), entry.get("group")
        if isinstance(task, list) or "dataset_path" in entry or "custom_dataset" in entry:
            return self._load_settings(TaskFile("task settings", dict(entry)), None, changes, loaded, within)
        own = {key: value for key, value in entry.items() if key not in ("task", "group")}
        return self._load(task if task is not None else group, changes | own, loaded, within)

    def _load_file(
        self, path: Path, changes: dict[str, Any], loaded: dict[str, ConfigurableTask], within: tuple[str, ...]
    ) -> list[str]:
        return self._load_settings(load_task_file(path), path.parent, changes, loaded, within)

    def _load_settings(
        self,
        file: TaskFile,
        folder: Path | None,
        changes: dict[str, Any],
        loaded: dict[str, ConfigurableTask],
        within: tuple[str, ...],
    ) -> list[str]:
        if isinstance(file.fields.get("task"), list):
            return self._load_group(file, changes, loaded, within)
        file = replace(file, fields=file.fields | changes)
        name = str(file.fields.get("task"))
        if name in self._settings:
            if self._settings[name] != file:
                raise UsageError(f"the task '{name}' is asked for twice, with different settings")
        else:
            loaded[name] = self._make(file, folder)
            self._settings[name] = file
        return [name]

    def _load_group(
        self, file: TaskFile, changes: dict[str, Any], loaded: dict[str, ConfigurableTask], within: tuple[str, ...]
    ) -> list[str]:
        config = GroupConfig.from_file(file)
        if config.group in within:
            raise file.error("task", f"the group '{config.group}' contains itself")
        names: list[str] = []
        members: list[str] = []
        for member in config.task:
            known = set(self.groups)
            added = self._load(member, changes, loaded, (*within, config.group))
            key = member if isinstance(member, str) else str(member.get("group"))
            new_groups = [name for name in self.groups if name not in known]
            # A group stands for itself; the names behind a tag or a pattern stand one by one.
            members += [key] if key in self.groups else new_groups or added
            names += added
        self.groups[config.group] = Group(
            config.group,
            config.group_alias or config.group,
            tuple(dict.fromkeys(members)),
            tuple(dict.fromkeys(names)),
            config.aggregate_metric_list,
            config.metadata.get("version", 0),
        )
        return names

    def _make(self, file: TaskFile, folder: Path | None) -> ConfigurableTask:
        """Returns the task of a file; of the class that it names, if it names one."""
        cls: Any = ConfigurableTask
        if "class" in file.fields:
            named = replace(file, fields={"class": file.fields["class"]}).run_functions().fields["class"]
            cls = named.target if isinstance(named, TaskFunction) else named
            if not (isinstance(cls, type) and issubclass(cls, ConfigurableTask)):
                raise file.error("class", f"{named!r} is not a subclass of fasteval.ConfigurableTask")
            digest = named.digest if isinstance(named, TaskFunction) else b""
            file = replace(file, fields={key: value for key, value in file.fields.items() if key != "class"})
        options: dict[str, Any] = {"datasets": self._datasets, "prompt_profile": self._prompt_profile, "folder": folder}
        if cls is ConfigurableTask:
            return ConfigurableTask(TaskConfig.from_file(with_faults(file, self._compat)), **options)
        try:
            task: ConfigurableTask
            if issubclass(cls, ClassTask):
                task = cls.of_file(file, digest, options)
            else:
                task = cls(config=TaskConfig.from_file(with_faults(file, self._compat)), **options)
        except FastEvalError:
            raise
        except Exception as error:  # a class of somebody else's may raise anything
            reason = f"{type(error).__name__}: {error}"
            raise file.error("class", f"{cls.__name__} cannot be made from fasteval's settings: {reason}") from error
        return task
