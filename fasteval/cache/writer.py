"""`SegmentWriter`: appends lines to a segment of its own. Nobody else writes there, so nobody waits for anybody.

What comes at once is one write, so a killed process loses what it was writing and nothing before it. The file system is
asked to make lines durable once a second.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from typing import TYPE_CHECKING, Any

import orjson

from fasteval.cache.index import SegmentIndex
from fasteval.cache.line import encode_about
from fasteval.cache.segment import is_being_written

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["SegmentWriter"]

_SYNC_SECONDS = 1.0


class SegmentWriter:
    """A new segment, locked until it is closed or its process ends.

    Attributes:
        path: the segment.
    """

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        """Makes the segment; its first line says `about` which model its answers are.

        Raises:
            OSError: it cannot be written.
        """
        self.path = folder / f"{time.time_ns():020d}-{os.getpid()}-{os.urandom(4).hex()}.jsonl"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, 0o600)
        self._end, self._head = 0, 0
        self._last_sync = time.monotonic()
        try:
            # File systems without locks go without: then nobody can tell that this segment is closed, and it is
            # left as it is by whoever tidies up.
            with contextlib.suppress(OSError):
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if about:
                self.write(encode_about(orjson.dumps(dict(about), option=orjson.OPT_SORT_KEYS)))
                self._head = self._end
        except OSError:
            self.close()
            raise

    def write(self, lines: bytes) -> int:
        """Appends lines and returns where they begin; when this returns, killing the process does not lose them.

        Raises:
            OSError: they cannot be written; the segment ends with the last line that was, and stays readable.
        """
        start = self._end
        written = os.write(self._descriptor, lines)
        if written != len(lines):
            # Full in the middle of a line: the next one must not continue it.
            self._end += lines.rfind(b"\n", 0, written) + 1
            os.ftruncate(self._descriptor, self._end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._end += written
        now = time.monotonic()
        if now - self._last_sync > _SYNC_SECONDS:
            os.fdatasync(self._descriptor)
            self._last_sync = now
        return start

    def read(self, offset: int, length: int) -> bytes:
        """Returns the line that begins at `offset`."""
        return os.pread(self._descriptor, length, offset)

    def close(self) -> None:
        """Makes the lines durable and indexes them; a segment without answers is removed."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        try:
            if self._end == self._head:
                self.path.unlink(missing_ok=True)
                return
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if not is_being_written(self.path):
            SegmentIndex.of(self.path, is_closed=True)
