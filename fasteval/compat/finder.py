"""The finder that answers imports of foreign packages, from our modules and from the foreign task folders."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

from fasteval.compat.missing import distribution_of
from fasteval.compat.names import PACKAGES, REFUSING, STANDINS, SUPPLIED
from fasteval.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import ModuleType

__all__ = ["add_root", "check_real_packages", "remove_all", "roots"]

_log = logging.getLogger(__name__)


class _Names(Loader):
    """Fills a module with the public names of ours."""

    def __init__(self, ours: Iterable[str]) -> None:
        self._ours = tuple(ours)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:  # noqa: ARG002 - the protocol's signature
        return None  # an ordinary new module

    def exec_module(self, module: ModuleType) -> None:
        for name in self._ours:
            source = importlib.import_module(name)
            vars(module).update({public: getattr(source, public) for public in source.__all__})
        if module.__name__ in REFUSING:
            _log.warning(
                "task code imports '%s', which is not installed: it loads, and what needs the package fails when it is "
                "scored: pip install %s",
                module.__name__,
                distribution_of(module.__name__),
            )


class _Finder(MetaPathFinder):
    """Finds the supplied modules; modules below `tasks` that are not supplied come from the roots."""

    def __init__(self) -> None:
        self.roots: list[str] = []

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the protocol's signature
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        package, _, rest = fullname.partition(".")
        if fullname in STANDINS and PathFinder.find_spec(package) is None:
            return _spec(fullname, (STANDINS[fullname],), is_package=True)
        if package not in PACKAGES:
            return None
        if fullname in SUPPLIED:
            return _spec(fullname, SUPPLIED[fullname], is_package=True)
        if rest == "tasks":
            spec = _spec(fullname, (), is_package=True)
            # The list itself, so that roots which come later are looked through as well.
            spec.submodule_search_locations = self.roots
            return spec
        if rest.startswith("tasks.") and rest.count(".") == 1:
            return PathFinder.find_spec(fullname, self.roots)
        return None


def _spec(fullname: str, ours: Iterable[str], *, is_package: bool) -> ModuleSpec:
    return ModuleSpec(fullname, _Names(ours), is_package=is_package)


_FINDER = _Finder()


def add_root(folder: Path) -> None:
    """Makes `lmms_eval.tasks` and `lm_eval.tasks` include `folder`, for the life of the process.

    If the folder lies within a checkout's folder of tasks, that one is meant, so that a part of a checkout finds the
    modules beside it. The folder that was added last is looked through first.
    """
    # Much task code reads this variable without asking whether it is set. The value is the one that counts without it.
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    os.environ.setdefault("HF_HOME", str(cache / "huggingface"))
    root = str(_tasks_folder(folder))
    if not any(finder is _FINDER for finder in sys.meta_path):
        # In front: where the real package is installed it must not be found, with all that it imports.
        sys.meta_path.insert(0, _FINDER)
    if root in _FINDER.roots:
        return
    _FINDER.roots.insert(0, root)
    # A module of the same name that was imported from another root is not the one that this folder means.
    for name in [name for name in sys.modules if _is_of_roots(name)]:
        del sys.modules[name]
    importlib.invalidate_caches()


def roots() -> tuple[str, ...]:
    """Returns the folders that `lmms_eval.tasks` and `lm_eval.tasks` include, in the order of the search."""
    return tuple(_FINDER.roots)


def check_real_packages(names: Iterable[str]) -> None:
    """Checks that none of the packages `names` was imported for real before its names were supplied.

    Raises:
        UsageError: one was; its modules and ours would be mixed.
    """
    for name in names:
        module = sys.modules.get(name)
        if module is not None and not isinstance(getattr(module, "__loader__", None), _Names):
            raise UsageError(
                f"the package '{name}' is imported in this process already ({getattr(module, '__file__', 'unknown')}); "
                f"fasteval supplies its names to foreign task folders itself: evaluate in a process without it"
            )


def remove_all() -> None:
    """Takes the finder and everything that it supplied out of the process."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not _FINDER]
    _FINDER.roots.clear()
    for name, module in list(sys.modules.items()):
        if isinstance(getattr(module, "__loader__", None), _Names) or _is_of_roots(name):
            del sys.modules[name]


def _is_of_roots(name: str) -> bool:
    """Whether it is the name of a module that comes from a foreign folder."""
    package, _, rest = name.partition(".")
    return package in PACKAGES and rest.startswith("tasks.") and name not in SUPPLIED


def _tasks_folder(folder: Path) -> Path:
    for candidate in (folder, *folder.parents):
        if candidate.name == "tasks" and candidate.parent.name in PACKAGES:
            return candidate
    return folder
