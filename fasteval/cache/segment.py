"""`Segment`: one file of lines, written by one process, as other processes read it.

Lines are read with `pread`, not from a memory map: a file that somebody cuts short meanwhile costs its answers, and
not the run (a map would end the process with SIGBUS).
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import numpy as np
import orjson
import xxhash

from fasteval.cache.index import BLOCK, SegmentIndex
from fasteval.cache.line import decode_line, is_about

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["Segment", "is_being_written", "read_about"]

_SOUND, _DAMAGED = 1, 2


class Segment:
    """A segment as it was when it was opened.

    Attributes:
        path: the file.
        index: its lines.
        damaged: lines that are torn or damaged, as far as is known.
    """

    def __init__(self, path: Path) -> None:
        """Finds the file's lines."""
        self.path = path
        is_closed = not is_being_written(path)
        self.index = SegmentIndex.of(path, is_closed=is_closed)
        self.size = path.stat().st_size
        torn_tail = is_closed and self.size > self.index.end
        self.damaged = self.index.damaged + torn_tail
        self._states = np.zeros(len(self.index.blocks), np.uint8)

    def sound(self, offset: NDArray[np.int64], length: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Returns for each of K lines whether it still is what it was when the index was made; bool (K,).

        Whole blocks are checked, each once; where one has changed, its lines are checked one by one.
        """
        first, last = offset // BLOCK, (offset + length - 1) // BLOCK
        self._check(np.unique(np.concatenate([first, last])))
        sound: NDArray[np.bool_] = (self._states[first] == _SOUND) & (self._states[last] == _SOUND) & (last - first < 2)
        doubtful = np.flatnonzero(~sound)
        if len(doubtful):
            with self.path.open("rb") as file:
                for line in doubtful:
                    file.seek(int(offset[line]))
                    sound[line] = decode_line(file.read(int(length[line]))) is not None
        return sound

    def read(self, offsets: Iterable[int], lengths: Iterable[int]) -> list[bytes]:
        """Returns lines; nothing in place of all of them if the file is gone."""
        try:
            with self.path.open("rb", buffering=0) as file:
                descriptor = file.fileno()
                return [os.pread(descriptor, length, offset) for offset, length in zip(offsets, lengths, strict=True)]
        except FileNotFoundError:  # somebody compacted the folder
            return [b"" for _ in offsets]

    def _check(self, blocks: NDArray[np.int64]) -> None:
        unknown = blocks[self._states[blocks] == 0]
        if not len(unknown):
            return
        with self.path.open("rb", buffering=0) as file:
            for block in unknown.tolist():
                data = os.pread(file.fileno(), min(BLOCK, self.size - block * BLOCK), block * BLOCK)
                holds = xxhash.xxh3_64_intdigest(data) == int(self.index.blocks[block])
                self._states[block] = _SOUND if holds else _DAMAGED


def is_being_written(path: Path) -> bool:
    """Whether a living process appends to the segment: it holds a lock on it, which ends when the process does."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # somebody has it, or the file system knows no locks and nobody can tell
        return True
    finally:
        os.close(descriptor)
    return False


def read_about(path: Path) -> dict[str, Any]:
    """Returns what a segment's first line says of the model whose answers it has; empty if it says nothing."""
    with path.open("rb") as file:
        decoded = decode_line(file.readline())
    if decoded is None or not is_about(*decoded):
        return {}
    try:
        about = orjson.loads(decoded[1])["about"]
    except orjson.JSONDecodeError:  # only a forged line has a checksum that holds over this
        return {}
    return about if isinstance(about, dict) else {}
