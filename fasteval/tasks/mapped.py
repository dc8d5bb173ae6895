"""`MappedFiles`: memory-mapped data files, whose pages are given back when they have been read.

A page that was read stays in the process's memory until the system needs it elsewhere; so a run over a data set of
pictures would seem to hold all of them. Given back, it is still in the system's cache of files.
"""

from __future__ import annotations

import ctypes
import mmap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["MappedFiles"]

# Bytes that are read before pages are given back; reading them anew costs a page fault for each 4 KiB.
_BYTES = 64 << 20


class MappedFiles:
    """The files that a data set has mapped, and what was read of them. Does nothing where there is no Linux."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Takes the files."""
        self._paths = frozenset(paths)
        self._bytes = 0

    def has_read(self, count: int) -> None:
        """Counts `count` bytes; gives the files' pages back when they have become many."""
        self._bytes += count
        if self._bytes >= _BYTES and hasattr(mmap, "MADV_DONTNEED"):
            self._bytes = 0
            advise = ctypes.CDLL(None).madvise
            for start, end in self._regions():
                advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)

    def _regions(self) -> Iterator[tuple[int, int]]:
        """Yields the addresses of the files' pages, unless somebody can write to them: nothing is to be lost."""
        try:
            with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:  # noqa: PTH123 - no file of a disk
                lines = maps.readlines()
        except OSError:
            return
        for line in lines:
            addresses, access, _, _, _, *path = line.rstrip("\n").split(maxsplit=5)
            if path and path[0] in self._paths and "w" not in access:
                start, _, end = addresses.partition("-")
                yield int(start, 16), int(end, 16)
