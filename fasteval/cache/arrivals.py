"""`Arrivals`: what other processes have written to a cache since it was opened."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from fasteval.cache.folder import segment_paths
from fasteval.cache.index import SegmentIndex

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Arrivals"]

_LOOK_SECONDS = 0.5


class Arrivals:
    """Looks for new lines in a folder, at most twice a second."""

    def __init__(self, folder: Path | None, seen: dict[Path, int]) -> None:
        """Starts behind what was `seen`: for each segment where its last complete line ended."""
        self._folder, self._seen = folder, dict(seen)
        self._places: dict[bytes, tuple[Path, int, int]] = {}
        self._looked = time.monotonic()

    def ignore(self, path: Path) -> None:
        """Leaves out a segment: this process's own."""
        self._seen[path] = sys.maxsize

    def get(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Returns the lines of those of `keys` that have come."""
        if self._folder is None:
            return {}
        now = time.monotonic()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._look(self._folder)
        if not self._places:
            return {}
        lines = {}
        for key in self._places.keys() & keys:
            path, offset, length = self._places[key]
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:  # somebody compacted the folder
                file.seek(offset)
                lines[key] = file.read(length)
        return lines

    def _look(self, folder: Path) -> None:
        for path in segment_paths(folder):
            start = self._seen.get(path, 0)
            try:
                if path.stat().st_size <= start:
                    continue
                index = SegmentIndex.scan(path, start)
            except FileNotFoundError:
                continue
            self._seen[path] = index.end
            for row in range(len(index)):
                self._places[index.key(row)] = path, int(index.offset[row]), int(index.length[row])
