"""`ResponseCache`: answers by key, in segments; one segment a writer, so nobody waits for anybody.

A segment is only ever appended to, each line by one write, so a killed process loses the line that it was writing and
no other. The file system is asked to make lines durable once a second.
"""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from fasteval.api.request import Response
from fasteval.cache.segment import Segment, encode_line
from fasteval.errors import CacheError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from numpy.typing import NDArray

__all__ = ["ResponseCache"]

_SYNC_SECONDS = 1.0


class ResponseCache:
    """The answers in a folder. `ResponseCache.in_memory` keeps nothing beyond the run."""

    def __init__(self, folder: Path | None) -> None:
        """Reads the keys of what `folder` holds."""
        self._folder = folder
        self._added: dict[bytes, Response] = {}
        self._descriptor: int | None = None
        self._last_sync = time.monotonic()
        self.damaged = 0
        paths = sorted(folder.glob("*.jsonl")) if folder else []
        self._segments: list[Segment] = [Segment(path) for path in paths if path.stat().st_size]
        self.damaged += sum(segment.malformed for segment in self._segments)
        self._index()

    @classmethod
    def open(cls, folder: Path) -> ResponseCache:
        """Returns the cache in `folder`, which is made if it is not there, private to its user.

        Raises:
            CacheError: the folder cannot be made or read.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            return cls(folder)
        except OSError as error:
            raise CacheError(f"cannot open the response cache {folder}: {error.strerror}") from error

    @classmethod
    def in_memory(cls) -> ResponseCache:
        """Returns a cache that lives as long as the run."""
        return cls(None)

    def __len__(self) -> int:
        """The number of distinct keys."""
        on_disk = len(np.unique(self._keys, axis=0)) if len(self._keys) else 0
        return on_disk + len(self._added)

    def contains(self, keys: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Returns for each of `keys` (uint8 (N, 16)) whether its answer is there, undamaged; bool (N,)."""
        rows = np.ascontiguousarray(keys)
        first, last = self._ranges(rows)
        found = np.zeros(len(rows), np.bool_)
        for index in np.flatnonzero(first < last):
            found[index] = self._read(rows[index].tobytes(), int(first[index]), int(last[index])) is not None
        if self._added:
            for index in np.flatnonzero(~found):
                found[index] = rows[index].tobytes() in self._added
        return found

    def get(self, key: bytes) -> Response | None:
        """Returns the answer to `key` (16 bytes), or None."""
        if key in self._added:
            return self._added[key]
        first, last = self._ranges(np.frombuffer(key, np.uint8).reshape(1, 16))
        value = self._read(key, int(first[0]), int(last[0]))
        return None if value is None else _decode(orjson.loads(value))

    def append(self, key: bytes, response: Response) -> None:
        """Writes one answer; when this returns, killing the process no longer loses it.

        Raises:
            CacheError: the line cannot be written (no space, read-only); what was written before stays readable.
        """
        if self._folder is not None:
            try:
                self._write(self._folder, encode_line(key, orjson.dumps(_encode(response))))
            except OSError as error:
                kept = "the answers written so far are kept"
                raise CacheError(
                    f"cannot write to the response cache {self._folder}: {error.strerror}; {kept}"
                ) from error
        self._added[key] = response

    def close(self) -> None:
        """Makes what was written durable."""
        if self._descriptor is not None:
            os.fsync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _index(self) -> None:
        """Sorts the lines of all segments by the first half of their keys; later lines stay behind earlier ones."""
        empty = np.zeros((0, 16), np.uint8)
        keys = np.concatenate([empty, *(segment.keys for segment in self._segments)])
        counts = [len(segment.keys) for segment in self._segments]
        prefixes = np.ascontiguousarray(keys[:, :8]).view(">u8").reshape(-1).astype(np.uint64)
        order = np.argsort(prefixes, kind="stable")
        self._keys, self._prefixes = keys[order], prefixes[order]
        self._segment_of = np.repeat(np.arange(len(counts)), counts)[order]
        self._line_of = np.concatenate([np.zeros(0, np.int64), *(np.arange(count) for count in counts)])[order]

    def _ranges(self, keys: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        prefixes = np.ascontiguousarray(keys[:, :8]).view(">u8").reshape(-1).astype(np.uint64)
        first = np.searchsorted(self._prefixes, prefixes, "left")
        return first, np.searchsorted(self._prefixes, prefixes, "right")

    def _read(self, key: bytes, first: int, last: int) -> bytes | None:
        """Returns the value of the newest undamaged line with `key` among the sorted lines [first, last)."""
        for position in range(last - 1, first - 1, -1):
            if self._keys[position].tobytes() == key:
                value = self._segments[int(self._segment_of[position])].value(int(self._line_of[position]))
                if value is not None:
                    return value
                self.damaged += 1
        return None

    def _write(self, folder: Path, line: bytes) -> None:
        if self._descriptor is None:
            name = f"{time.time_ns():020d}-{os.getpid()}-{os.urandom(4).hex()}.jsonl"
            self._descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        written = os.write(self._descriptor, line)
        if written != len(line):
            # The next line must not continue this torn one.
            os.write(self._descriptor, b"\n")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if time.monotonic() - self._last_sync > _SYNC_SECONDS:
            os.fdatasync(self._descriptor)
            self._last_sync = time.monotonic()


def _encode(response: Response) -> dict[str, Any]:
    logprob = response.logprob
    return {
        "texts": response.texts,
        # JSON has no infinities, and the log-probability of the impossible is one.
        "logprob": logprob if logprob is None or np.isfinite(logprob) else str(logprob),
        "is_greedy": response.is_greedy,
        "prompt_tokens": response.prompt_tokens,
        "output_tokens": response.output_tokens,
        "finish_reason": response.finish_reason,
    }


def _decode(value: dict[str, Any]) -> Response:
    logprob = value.pop("logprob")
    texts = tuple(value.pop("texts"))
    return Response(texts=texts, logprob=None if logprob is None else float(logprob), **value)
