"""`IndexStore`: what the files of a folder define, remembered on disk for as long as they do not change."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import xxhash

from fasteval.cache import default_folder
from fasteval.cache.folder import make_private
from fasteval.tasks.scan import Scan, scan_file

if TYPE_CHECKING:
    from typing import Self

__all__ = ["IndexStore"]

_log = logging.getLogger(__name__)

#: Changes whenever `scan_file` could say something else of the same file.
_VERSION = 1


class IndexStore:
    """The scans of one folder's files. A file is read anew when its time or its size is not the remembered one."""

    def __init__(self, folder: Path, known: dict[str, tuple[int, int, Scan]]) -> None:
        """Starts with what is `known`: by path the file's time in nanoseconds, its size, and its scan."""
        self._folder, self._known = folder, known
        self._seen: dict[str, tuple[int, int, Scan]] = {}
        self._is_new = False

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Returns the store of `folder` with what an earlier process left; an unreadable one counts as empty."""
        try:
            stored = orjson.loads(_file(folder).read_bytes())
            known = stored["files"] if stored["version"] == _VERSION else {}
        except FileNotFoundError:
            known = {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.info("the index of %s is made anew: %s", folder, error)
            known = {}
        return cls(folder, known)

    def scan(self, path: str, status: os.stat_result | None = None) -> Scan:
        """Returns what the file itself defines. Give its `status` where it is known already."""
        seen = self._seen.get(path)
        if seen is not None:
            return seen[2]
        try:
            status = status or os.stat(path)  # noqa: PTH116 - of many thousand files, each a text until it is needed
            mark = (status.st_mtime_ns, status.st_size)
        except OSError:
            mark = (-1, -1)
        known = self._known.get(path)
        if known is not None and (known[0], known[1]) == mark:
            scan = known[2]
        else:
            scan, self._is_new = scan_file(Path(path)), True
        self._seen[path] = (*mark, scan)
        return scan

    def save(self) -> None:
        """Writes what was seen, if it differs from what was known. A cache that cannot be written costs only time."""
        if not self._is_new and len(self._seen) == len(self._known):
            return
        target = _file(self._folder)
        try:
            make_private(target.parent)
            # Another process may read or write it at the same time: the new file appears whole or not at all.
            with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
                file.write(orjson.dumps({"version": _VERSION, "files": self._seen}))
            Path(file.name).replace(target)
        except OSError as error:
            _log.info("the index of %s is not kept: %s", self._folder, error)


def _file(folder: Path) -> Path:
    return default_folder() / "task_index" / f"{xxhash.xxh3_128_hexdigest(str(folder).encode())}.json"
