"""Entry points: models, metrics, aggregations, filters and folders of tasks that other distributions bring.

A distribution names them in its pyproject.toml, and nothing of it is imported before its name is asked for::

    [project.entry-points."fasteval.models"]
    mine = "my_package.models:Mine"             # an `LMM` subclass

    [project.entry-points."fasteval.metrics"]
    closeness = "my_package.metrics"            # a module whose functions `register_metric` registers

    [project.entry-points."fasteval.tasks"]
    my_benchmarks = "my_package_tasks"          # a package whose folder has the YAML files
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from fasteval.errors import UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint
    from pathlib import Path

__all__ = ["load_plugin", "plugin_names", "task_folders"]

_LOG = logging.getLogger("fasteval.plugins")


def plugin_names(group: str) -> list[str]:
    """Returns the names that installed distributions give in an entry-point group, without importing any."""
    return sorted(entry.name for entry in _entries(group))


def load_plugin(group: str, name: str) -> Any:
    """Returns what the entry point names, after importing it; None if no distribution has the name.

    Raises:
        UsageError: it cannot be imported.
    """
    for entry in _entries(group):
        if entry.name == name:
            try:
                return entry.load()
            except Exception as error:
                raise UsageError(
                    f"{group} '{name}' ({entry.value}, of {_distribution(entry)}) cannot be loaded: "
                    f"{type(error).__name__}: {error}"
                ) from error
    return None


def task_folders() -> list[Path]:
    """Returns the folders that the group "fasteval.tasks" names; a package that is not there costs a warning."""
    from importlib.util import find_spec
    from pathlib import Path

    folders: list[Path] = []
    for entry in _entries("fasteval.tasks"):
        try:
            spec = find_spec(entry.value)
        except Exception as error:  # noqa: BLE001 - the parent of a package may raise anything when it is imported
            _LOG.warning("warning: %s of %s is left out: %s", entry.value, _distribution(entry), error)
            continue
        locations = [] if spec is None else [Path(path) for path in spec.submodule_search_locations or ()]
        if not locations:
            _LOG.warning("warning: %s of %s is left out: there is no such package", entry.value, _distribution(entry))
        folders += locations
    return folders


def _entries(group: str) -> list[EntryPoint]:
    from importlib.metadata import entry_points

    return sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value))


def _distribution(entry: EntryPoint) -> str:
    return "an unknown distribution" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"
