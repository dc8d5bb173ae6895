"""Which files a task's code consists of: the Python files of its folder, and the task code that they import.

Imports are read from the source, those inside functions too, and nothing is imported for it. Installed packages and
fasteval itself are not task code: their versions are part of a run's manifest.
"""

from __future__ import annotations

import ast
import functools
import sys
import sysconfig
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

import xxhash

from fasteval.compat.finder import roots
from fasteval.compat.names import PACKAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["files_digest", "with_imported"]

_LIBRARY = Path(__file__).parent.parent / "_library"
_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_PACKAGE_FOLDERS = frozenset({"site-packages", "dist-packages"})


def files_digest(files: Iterable[Path]) -> bytes:
    """Returns a digest of files' names and contents; where they are does not matter."""
    hasher = xxhash.xxh3_128()
    for name, digest in sorted((file.name, _digest(file, file.stat().st_mtime_ns)) for file in files):
        hasher.update(f"{name} ".encode() + digest)
    return hasher.digest()


def with_imported(files: Iterable[Path]) -> set[Path]:
    """Returns the files, and those of the task code that they import, directly or not."""
    found: set[Path] = set()
    open_files = list(files)
    while open_files:
        file = open_files.pop().resolve()  # the library is reached by a link, too
        if file not in found:
            found.add(file)
            open_files += _imported(file, file.stat().st_mtime_ns, roots(), tuple(sys.path))
    return found


@functools.lru_cache(maxsize=4096)
def _digest(file: Path, mtime_ns: int) -> bytes:  # noqa: ARG001 - part of the cache's key
    return xxhash.xxh3_128_digest(file.read_bytes())


@functools.lru_cache(maxsize=4096)
def _imported(file: Path, mtime_ns: int, folders: tuple[str, ...], places: tuple[str, ...]) -> tuple[Path, ...]:  # noqa: ARG001 - as above
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # whoever runs the file says so; here its own bytes are all that it has
        return ()
    return tuple(dict.fromkeys(path for name in _names(tree) for path in _locate(name, file, folders, places)))


def _names(tree: ast.Module) -> Iterator[str]:
    """Yields the dotted names that a module imports: for `from a import b` both a and a.b, which may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module}.{alias.name}" if node.module else module + alias.name for alias in node.names)


def _locate(name: str, file: Path, folders: tuple[str, ...], places: tuple[str, ...]) -> list[Path]:
    """Returns the files of a module of task code: at most one, none for modules that are no task code."""
    if name.startswith("."):
        level = len(name) - len(name.lstrip("."))
        base = file.parents[level - 1]
        return _module(base, name[level:].strip(".").split("."))
    parts = name.split(".")
    if parts[0] == "fasteval":
        return _module(_LIBRARY, parts[2:]) if parts[1:2] == ["_library"] else []
    if parts[0] in PACKAGES:
        in_folders = (_module(Path(folder), parts[2:]) for folder in folders if parts[1:2] == ["tasks"])
        return next((found for found in in_folders if found), [])
    return _local(parts, places)


def _local(parts: list[str], places: tuple[str, ...]) -> list[Path]:
    """Returns the file of a module that is neither installed nor part of Python: of somebody's own path."""
    folder = _top_level(parts[0], places)
    return [] if folder is None else _module(folder, parts)


@functools.lru_cache(maxsize=1024)
def _top_level(name: str, places: tuple[str, ...]) -> Path | None:
    """Returns the folder in which a top-level module is found, unless that is one of installed packages."""
    spec = PathFinder.find_spec(name, list(places))
    found = [] if spec is None else [spec.origin or "", *(spec.submodule_search_locations or ())]
    place = next((place for place in found if place and Path(place).exists()), None)
    # An environment may see the packages of another one, which its own paths do not tell.
    if place is None or place.startswith(_INSTALLED) or not _PACKAGE_FOLDERS.isdisjoint(Path(place).parts):
        return None
    folder = Path(place).parent
    return folder.parent if Path(place).name == "__init__.py" else folder


def _module(base: Path, parts: list[str]) -> list[Path]:
    if not parts or not all(parts):
        return []
    path = base.joinpath(*parts)
    return [file for file in (path.with_name(path.name + ".py"), path / "__init__.py") if file.is_file()][:1]
