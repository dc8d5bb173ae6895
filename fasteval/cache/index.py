"""`SegmentIndex`: which keys a segment has, and where. Kept in a file beside the segment, which saves reading it all.

The file is an answer to one question, "what does a scan of this segment give?", and never more than that: it counts
only for a segment of the very size and time of change that it was made for, and only if its own checksum holds. What a
scan of the segment would find damaged today is found by the digests of its blocks (`Segment.sound`).
"""

from __future__ import annotations

import contextlib
import struct
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xxhash

from fasteval.cache.folder import write_whole
from fasteval.cache.line import decode_line, is_about

if TYPE_CHECKING:
    import os
    from pathlib import Path
    from typing import Self

    from numpy.typing import NDArray

__all__ = ["BLOCK", "SegmentIndex", "index_path"]

#: Bytes of a segment that one digest vouches for.
BLOCK = 1 << 16
# Segments that are read in a moment need no index beside them.
_WORTH_KEEPING = 1 << 18

_MAGIC = b"fasteval index 1"
# Magic, then: the segment's size and time of change, its lines, its damaged lines, and the checksum of all the rest.
_HEADER = struct.Struct("<16sqqqqQ")


@dataclass(frozen=True, slots=True)
class SegmentIndex:
    """L undamaged lines of a segment, sorted by the first half of their keys; equal ones in the segment's order.

    Attributes:
        first: uint64 (L,). First halves of the keys, read as little-endian numbers.
        second: uint64 (L,). Second halves.
        offset: int64 (L,). Where the lines begin.
        length: uint32 (L,). Their bytes, newline included.
        blocks: uint64. The xxh3-64 of each `BLOCK` bytes of the segment.
        damaged: how many lines are torn or damaged.
        end: where the last complete line ends.
    """

    first: NDArray[np.uint64]
    second: NDArray[np.uint64]
    offset: NDArray[np.int64]
    length: NDArray[np.uint32]
    blocks: NDArray[np.uint64]
    damaged: int
    end: int

    def __len__(self) -> int:
        """The number of lines."""
        return len(self.first)

    def key(self, row: int) -> bytes:
        """Returns the key of one line."""
        return b"".join(int(half[row]).to_bytes(8, "little") for half in (self.first, self.second))

    @classmethod
    def scan(cls, path: Path, start: int = 0) -> Self:
        """Returns the index of the lines from byte `start` on, each of which is read and checked.

        What stands behind the last newline may be a line that is just being written: it is not counted as damaged.
        """
        keys, offsets, lengths = bytearray(), array("q"), array("L")
        damaged, position = 0, start
        with path.open("rb") as file:
            file.seek(start)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                decoded = decode_line(line)
                if decoded is None:
                    damaged += 1
                elif not is_about(*decoded):
                    keys += decoded[0]
                    offsets.append(position)
                    lengths.append(len(line))
                position += len(line)
        halves = np.frombuffer(keys, "<u8").reshape(-1, 2)
        order = np.argsort(halves[:, 0], kind="stable")
        return cls(
            first=halves[order, 0],
            second=halves[order, 1],
            offset=np.array(offsets, np.int64)[order],
            length=np.array(lengths, np.uint32)[order],
            blocks=_digests(path) if start == 0 else np.zeros(0, np.uint64),
            damaged=damaged,
            end=position,
        )

    @classmethod
    def of(cls, path: Path, *, is_closed: bool) -> Self:
        """Returns a segment's index: the one beside it if that is of this very segment, else the result of a scan.

        Args:
            path: the segment.
            is_closed: nobody writes to it any more, so that the result is worth keeping.
        """
        status = path.stat()
        kept = cls._load(path, status)
        if kept is not None:
            return kept
        index = cls.scan(path)
        if is_closed and status.st_size >= _WORTH_KEEPING:
            # An index only saves time: a folder that cannot be written to, or a full disk, is no reason to stop.
            with contextlib.suppress(OSError):
                index._save(path, status)
        return index

    @classmethod
    def _load(cls, path: Path, segment: os.stat_result) -> Self | None:
        try:
            data = index_path(path).read_bytes()
        except OSError:
            return None
        if len(data) < _HEADER.size:
            return None
        magic, size, changed, lines, damaged, checksum = _HEADER.unpack_from(data)
        body = memoryview(data)[_HEADER.size :]
        block_count = -(-segment.st_size // BLOCK)
        if (
            (magic, size, changed) != (_MAGIC, segment.st_size, segment.st_mtime_ns)
            or len(body) != 8 + 28 * lines + 8 * block_count
            or xxhash.xxh3_64_intdigest(body) != checksum
        ):
            return None
        wide = np.frombuffer(body, "<u8", 3 * lines, 8)
        return cls(
            first=wide[:lines],
            second=wide[lines : 2 * lines],
            offset=wide[2 * lines :].view(np.int64),
            length=np.frombuffer(body, "<u4", lines, 8 + 24 * lines),
            blocks=np.frombuffer(body, "<u8", block_count, 8 + 28 * lines),
            damaged=damaged,
            end=int(np.frombuffer(body, "<i8", 1)[0]),
        )

    def _save(self, path: Path, segment: os.stat_result) -> None:
        end = np.array([self.end], np.int64)
        arrays = (end, self.first, self.second, self.offset, self.length, self.blocks)
        body = b"".join(part.astype(part.dtype.newbyteorder("<")).tobytes() for part in arrays)
        checksum = xxhash.xxh3_64_intdigest(body)
        header = _HEADER.pack(_MAGIC, segment.st_size, segment.st_mtime_ns, len(self), self.damaged, checksum)
        write_whole(index_path(path), header + body)


def index_path(segment: Path) -> Path:
    """Returns where the index of a segment is kept."""
    return segment.with_suffix(".index")


def _digests(path: Path) -> NDArray[np.uint64]:
    with path.open("rb") as file:
        return np.array([xxhash.xxh3_64_intdigest(block) for block in iter(lambda: file.read(BLOCK), b"")], np.uint64)
