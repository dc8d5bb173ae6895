"""Task files: YAML with `include` and `!function`, and the line on which each field stands."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import yaml

from fasteval.errors import TaskFileError
from fasteval.safety.paths import is_file
from fasteval.safety.yaml_loader import LimitedLoader
from fasteval.tasks.functions import FunctionReference, load_function

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Place", "TaskFile", "load_own_fields", "load_task_file"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a field stands.

    Attributes:
        file: the YAML file; an included template where the field comes from there.
        line: from 1.
    """

    file: Path
    line: int


@dataclass(frozen=True, slots=True)
class TaskFile:
    """The fields of a YAML file after its includes, and where each of them stands.

    Attributes:
        path: the file; for settings that were made in Python, a text that says so.
        fields: the values; functions are `FunctionReference`s until `run_functions`.
        places: where each field stands.
    """

    path: Path | str
    fields: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)

    def error(self, name: str | None, message: str) -> TaskFileError:
        """Returns the error that says `message` of the field `name`, at its place."""
        place = self.places.get(name) if name else None
        if place is None:
            return TaskFileError(message, file=self.path, field=name)
        return TaskFileError(message, file=place.file, line=place.line, field=name)

    def run_functions(self) -> TaskFile:
        """Returns the same fields with every reference replaced by the `TaskFunction` that it names.

        Raises:
            TaskFileError: a function cannot be loaded.
        """
        return replace(self, fields={name: _run_functions(value, name) for name, value in self.fields.items()})


def load_task_file(path: Path) -> TaskFile:
    """Returns the fields of the YAML file `path`, those of its includes among them; runs no code.

    Includes are paths relative to the folder of the file that names them. Their fields are taken whole: a list or a
    mapping replaces one of the same name, it does not add to it. The first include wins over the later ones, and the
    file itself over all.

    Raises:
        TaskFileError: a file is not there, is not YAML, is not a mapping, or includes itself.
    """
    return _load(path, ())


def load_own_fields(path: Path) -> dict[str, Any]:
    """Returns the fields that the file itself has, `include` among them; runs no code and follows no include.

    Raises:
        TaskFileError: the file is not there, is not YAML, or is not a mapping.
    """
    return _read(path).fields


def _load(path: Path, including: tuple[Path, ...]) -> TaskFile:
    own = _read(path)
    includes = own.fields.get("include", [])
    names = [includes] if isinstance(includes, str) else includes
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise own.error("include", f"expected a path or a list of paths, got {includes!r}")
    fields: dict[str, Any] = {}
    places: dict[str, Place] = {}
    for name in reversed(names):
        target = (path.parent / name).resolve()
        if target in (*including, path.resolve()):
            raise own.error("include", f"'{name}' includes itself")
        if not is_file(target):
            raise own.error("include", f"there is no file {target}")
        template = _load(target, (*including, path.resolve()))
        fields |= template.fields
        places |= template.places
    fields |= {name: value for name, value in own.fields.items() if name != "include"}
    return TaskFile(path, fields, places | own.places)


def _read(path: Path) -> TaskFile:
    try:
        return _parse(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise TaskFileError(f"cannot be read: {error.strerror}", file=path) from error


@lru_cache(maxsize=4096)
def _parse(path: Path, mtime_ns: int) -> TaskFile:  # noqa: ARG001 - the time is part of the cache's key
    """Returns the file's own fields. Shared between callers, who copy what they change."""
    try:
        loader = _Loader(path.read_bytes())
        loader.path = path
        root = loader.get_single_node()
        if root is None:
            return TaskFile(path)
        fields = loader.construct_document(root)
        if not isinstance(root, yaml.MappingNode) or not isinstance(fields, dict):  # a `!!set` is written like one
            raise TaskFileError("expected a mapping of fields", file=path, line=root.start_mark.line + 1)
        places = {str(key.value): Place(path, key.start_mark.line + 1) for key, _ in root.value}
    except yaml.MarkedYAMLError as error:
        line = None if error.problem_mark is None else error.problem_mark.line + 1
        raise TaskFileError(f"not YAML: {error.problem}", file=path, line=line) from error
    except yaml.YAMLError as error:
        raise TaskFileError(f"not YAML: {error}", file=path) from error
    for name in fields:
        if not isinstance(name, str):
            raise TaskFileError(f"the field name {name!r} is not a text", file=path)
    return TaskFile(path, fields, places)


class _Loader(LimitedLoader):
    """The safe loader, with `!function`, and a warning where a key stands twice."""

    path: Path

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Returns the mapping; of a key that stands twice the last value counts, as everywhere in YAML."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    line = key.start_mark.line + 1
                    _log.warning("%s:%d: the key '%s' stands twice; this one counts", self.path, line, key.value)
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_function(self, node: yaml.Node) -> FunctionReference:
        """Returns what `!function module.name` stands for."""
        return FunctionReference(str(node.value).strip(), self.path, node.start_mark.line + 1)


_Loader.add_constructor("!function", _Loader.construct_function)


def _run_functions(value: Any, name: str) -> Any:
    if isinstance(value, FunctionReference):
        return load_function(value, name)
    if isinstance(value, dict):
        return {key: _run_functions(entry, name) for key, entry in value.items()}
    if isinstance(value, list):
        return [_run_functions(entry, name) for entry in value]
    return value
