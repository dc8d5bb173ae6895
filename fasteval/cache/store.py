"""`ResponseCache`: answers by key, in segments; one segment a writer, so nobody waits for anybody."""

from __future__ import annotations

import logging
import os
import time
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from fasteval.api.closing import Closing
from fasteval.cache.arrivals import Arrivals
from fasteval.cache.catalogue import Catalogue
from fasteval.cache.folder import hold, make_private, segment_paths
from fasteval.cache.line import decode_line, encode_line
from fasteval.cache.segment import Segment, read_about
from fasteval.cache.value import decode_value, encode_value
from fasteval.cache.writer import SegmentWriter
from fasteval.errors import CacheError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import Self

    from numpy.typing import NDArray

    from fasteval.api.request import Response

__all__ = ["ResponseCache"]

_LOG = logging.getLogger(__name__)
# Answers that are read ahead of whoever wants them.
_CHUNK = 4096


class ResponseCache(Closing):
    """The answers in a folder. `ResponseCache.in_memory` keeps nothing beyond the run."""

    def __init__(self, folder: Path | None, about: Mapping[str, Any] | None = None) -> None:
        """Reads the keys of what `folder` holds; `about` describes the model whose answers this run adds."""
        self._folder, self._about = folder, dict(about or {})
        self._held: dict[bytes, Response] = {}
        self._added: dict[bytes, tuple[int, int]] = {}  # key -> offset and length in this run's own segment
        self._reported = 0
        self._writer: SegmentWriter | None = None
        lock = hold(folder) if folder else None
        # Given back when the cache is closed, or forgotten.
        self._release = None if lock is None else weakref.finalize(self, os.close, lock)
        self._segments = [Segment(path) for path in segment_paths(folder)] if folder else []
        self._catalogue = Catalogue(self._segments)
        self._arrivals = Arrivals(folder, {segment.path: segment.index.end for segment in self._segments})

    @classmethod
    def open(cls, folder: Path, about: Mapping[str, Any] | None = None) -> Self:
        """Returns the cache in `folder`, which is made if it is not there, private to its user.

        Args:
            folder: where the segments are.
            about: what describes the model whose answers this run is going to add (plain JSON values).

        Raises:
            CacheError: the folder cannot be made or read.
        """
        try:
            make_private(folder)
            return cls(folder, about)
        except OSError as error:
            raise CacheError(f"cannot open the response cache {folder}: {error.strerror}") from error

    @classmethod
    def in_memory(cls) -> Self:
        """Returns a cache that lives as long as the run."""
        return cls(None)

    def __len__(self) -> int:
        """The number of distinct keys."""
        added = np.frombuffer(b"".join(self._added), np.uint8).reshape(-1, 16)
        known = int(np.count_nonzero(self._catalogue.find(added).segment >= 0))
        return len(self._catalogue) + len(self._added) - known + len(self._held)

    @property
    def damaged(self) -> int:
        """Lines that are torn or damaged, as far as anybody looked. They count as absent, and are computed again."""
        return sum(segment.damaged for segment in self._segments) + len(self._catalogue.damaged)

    def may_know(self, fingerprint: str) -> bool:
        """Whether answers of the model with this fingerprint may be there, by what the segments say they are of."""
        return any(
            read_about(segment.path).get("fingerprint", fingerprint) == fingerprint for segment in self._segments
        )

    def contains(self, keys: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Returns for each of `keys` (uint8 (N, 16)) whether its answer is there, undamaged; bool (N,)."""
        found: NDArray[np.bool_] = self._catalogue.find(keys).segment >= 0
        if self.damaged > self._reported:
            self._reported = self.damaged
            _LOG.warning(
                "the response cache %s has damaged lines: %d; they are computed again (`fasteval cache verify`)",
                self._folder,
                self.damaged,
            )
        if self._held or self._added:
            for row in np.flatnonzero(~found).tolist():
                key = keys[row].tobytes()
                found[row] = key in self._held or key in self._added
        return found

    def get(self, key: bytes) -> Response | None:
        """Returns the answer to `key` (16 bytes), or None."""
        if key in self._held:
            return self._held[key]
        if key in self._added and self._writer is not None:
            return _response(key, self._writer.read(*self._added[key]))
        return next(self.get_many(np.frombuffer(key, np.uint8).reshape(1, 16)))

    def get_many(self, keys: NDArray[np.uint8]) -> Iterator[Response | None]:
        """Yields the answer to each of `keys` (uint8 (N, 16)), or None where the folder had none when it was opened."""
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            lines = self._read(chunk)
            for row, line in enumerate(lines):
                key = chunk[row].tobytes()
                yield self._held.get(key) if line is None else _response(key, line)

    def arrived(self, keys: Iterable[bytes]) -> dict[bytes, Response]:
        """Returns the answers to those of `keys` that other processes have written since this cache was opened."""
        lines = self._arrivals.get(keys)
        answers = ((key, _response(key, line)) for key, line in lines.items())
        return {key: response for key, response in answers if response is not None}

    def prepare(self) -> None:
        """Makes this run's segment, so that a folder that cannot be written to shows before hours are spent.

        Raises:
            CacheError: it cannot be written to; what it holds stays readable.
        """
        if self._folder is not None:
            self._own_segment(self._folder)

    def append(self, key: bytes, response: Response) -> None:
        """Writes one answer; see `extend`."""
        self.extend([(key, response)])

    def extend(self, answers: Iterable[tuple[bytes, Response]]) -> None:
        """Writes answers; when this returns, killing the process no longer loses them.

        Raises:
            CacheError: they cannot be written (no space, read-only); what was written before stays readable.
        """
        if self._folder is None:
            self._held.update(answers)
            return
        now = int(time.time())
        lines = [(key, encode_line(key, encode_value(response, now))) for key, response in answers]
        if not lines:
            return
        writer = self._own_segment(self._folder)
        try:
            offset = writer.write(b"".join([line for _, line in lines]))
        except OSError as error:
            raise self._cannot_write(error) from error
        for key, line in lines:
            self._added[key] = offset, len(line)
            offset += len(line)

    def close(self) -> None:
        """Makes what was written durable.

        Raises:
            CacheError: the disk could not take it.
        """
        try:
            if self._writer is not None:
                self._writer.close()
        except OSError as error:
            raise self._cannot_write(error) from error
        finally:
            if self._release is not None:
                self._release()

    def _own_segment(self, folder: Path) -> SegmentWriter:
        """Returns the segment that this run writes; makes it at the first call."""
        if self._writer is None:
            try:
                self._writer = SegmentWriter(folder, self._about)
            except OSError as error:
                raise self._cannot_write(error) from error
            self._arrivals.ignore(self._writer.path)
        return self._writer

    def _read(self, keys: NDArray[np.uint8]) -> list[bytes | None]:
        places = self._catalogue.find(keys)
        lines: list[bytes | None] = [None] * len(keys)
        for number in np.unique(places.segment[places.segment >= 0]).tolist():
            rows = np.flatnonzero(places.segment == number)
            offsets, lengths = places.offset[rows].tolist(), places.length[rows].tolist()
            for row, line in zip(rows.tolist(), self._segments[number].read(offsets, lengths), strict=True):
                lines[row] = line
        return lines

    def _cannot_write(self, error: OSError) -> CacheError:
        kept = "the answers written so far are kept"
        return CacheError(f"cannot write to the response cache {self._folder}: {error.strerror}; {kept}")


def _response(key: bytes, line: bytes) -> Response | None:
    decoded = decode_line(line)
    return None if decoded is None or decoded[0] != key else decode_value(decoded[1])
