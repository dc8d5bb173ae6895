r"""One segment: a file of JSON lines with key and checksum at fixed places, so that opening it parses no JSON.

A line::

    {"key":"<32 hex digits>","checksum":"<16 hex digits>","value":{…}}\n

The checksum is the xxh3-64 of the key's digits and the value's bytes. A line that is torn or damaged counts as absent.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

import numpy as np
import xxhash

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Segment", "encode_line"]

_HEAD, _MIDDLE, _VALUE, _TAIL = b'{"key":"', b'","checksum":"', b'","value":', b"}"
_KEY = slice(len(_HEAD), len(_HEAD) + 32)
_CHECKSUM = slice(_KEY.stop + len(_MIDDLE), _KEY.stop + len(_MIDDLE) + 16)
_VALUE_AT = _CHECKSUM.stop + len(_VALUE)
_SHORTEST = _VALUE_AT + len(b"{}") + len(_TAIL)
_NEWLINE = ord("\n")
# What each ASCII character stands for as a hex digit; 255 for everything else.
_NIBBLE = np.full(256, 255, np.uint8)
_NIBBLE[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16, dtype=np.uint8)


def encode_line(key: bytes, value: bytes) -> bytes:
    """Returns the line for `key` (16 bytes) and `value` (JSON without a newline), with its newline."""
    digits = key.hex().encode()
    checksum = xxhash.xxh3_64_hexdigest(digits + value).encode()
    return b"".join((_HEAD, digits, _MIDDLE, checksum, _VALUE, value, _TAIL, b"\n"))


class Segment:
    """A segment as it was when it was opened.

    Attributes:
        keys: uint8 (L, 16). The keys of its L well-formed lines.
        malformed: how many lines are torn or have no key; those whose checksum fails show when they are read.
    """

    def __init__(self, path: Path) -> None:
        """Maps the file into memory and finds its lines."""
        with path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        data = np.frombuffer(self._data, np.uint8)
        self._ends = np.flatnonzero(data == _NEWLINE)
        self._starts = np.concatenate([[0], self._ends[:-1] + 1]).astype(np.int64)[: len(self._ends)]
        total = len(self._ends) + int(data[-1] != _NEWLINE)
        long_enough = self._ends - self._starts >= _SHORTEST
        self._starts, self._ends = self._starts[long_enough], self._ends[long_enough]
        nibbles = _NIBBLE[data[self._starts[:, None] + np.arange(_KEY.start, _KEY.stop)]]
        well_formed = (nibbles < 16).all(axis=1)
        self._starts, self._ends, nibbles = self._starts[well_formed], self._ends[well_formed], nibbles[well_formed]
        self.keys: NDArray[np.uint8] = (nibbles[:, ::2] << 4 | nibbles[:, 1::2]).astype(np.uint8)
        self.malformed = total - len(self.keys)

    def value(self, line: int) -> bytes | None:
        """Returns the value's bytes of one line, or None if its checksum does not hold."""
        text = self._data[int(self._starts[line]) : int(self._ends[line])]
        value = text[_VALUE_AT : -len(_TAIL)]
        frame_holds = text.startswith(_HEAD) and text[_CHECKSUM.stop : _VALUE_AT] == _VALUE and text.endswith(_TAIL)
        if frame_holds and xxhash.xxh3_64_hexdigest(text[_KEY] + value).encode() == text[_CHECKSUM]:
            return value
        return None
