"""`Catalogue`: the lines of all segments in one sorted table, so that many keys are looked up at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fasteval.cache.segment import Segment

__all__ = ["Catalogue", "Places"]


class Places(NamedTuple):
    """Where K answers are.

    Attributes:
        segment: int32 (K,). The segment's number; -1 where there is no undamaged line.
        offset: int64 (K,). Where the line begins.
        length: uint32 (K,). Its bytes.
    """

    segment: NDArray[np.int32]
    offset: NDArray[np.int64]
    length: NDArray[np.uint32]


class Catalogue:
    """L lines by the first halves of their keys. Of equal ones the last counts: that of the newest segment.

    Attributes:
        damaged: (segment, offset) of lines that were sound when they were indexed and are not any more.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        """Merges the segments' indices; `segments` are in the order of their age, oldest first."""
        self._segments = segments
        self.damaged: set[tuple[int, int]] = set()
        indices = [segment.index for segment in segments]
        numbers = np.repeat(np.arange(len(indices), dtype=np.int32), [len(index) for index in indices])
        first = np.concatenate([np.zeros(0, np.uint64), *(index.first for index in indices)])
        # Stable, and quick: the parts are sorted already.
        order = np.argsort(first, kind="stable") if len(indices) > 1 else slice(None)
        self._first = first[order]
        self._second = np.concatenate([np.zeros(0, np.uint64), *(index.second for index in indices)])[order]
        self._offset = np.concatenate([np.zeros(0, np.int64), *(index.offset for index in indices)])[order]
        self._length = np.concatenate([np.zeros(0, np.uint32), *(index.length for index in indices)])[order]
        self._segment = numbers[order]

    def __len__(self) -> int:
        """The number of distinct keys."""
        # Equal first halves stand together, but behind them second halves may alternate.
        equal = self._first[1:] == self._first[:-1]
        shared = np.concatenate([[False], equal]) | np.concatenate([equal, [False]]) if len(equal) else equal
        repeated = np.stack([self._first[shared], self._second[shared]], axis=1) if len(equal) else np.zeros((0, 2))
        return len(self._first) - len(repeated) + len(np.unique(repeated, axis=0))

    def find(self, keys: NDArray[np.uint8]) -> Places:
        """Returns where the newest undamaged line of each of `keys` (uint8 (K, 16)) is."""
        halves = np.ascontiguousarray(keys).view("<u8").reshape(-1, 2)
        count = len(halves)
        places = Places(np.full(count, -1, np.int32), np.zeros(count, np.int64), np.zeros(count, np.uint32))
        position = np.searchsorted(self._first, halves[:, 0], "right") - 1
        searched = np.arange(count)
        while len(searched):  # once, but for damaged lines and keys that share their first half
            searched = searched[position[searched] >= 0]
            searched = searched[self._first[position[searched]] == halves[searched, 0]]
            line = position[searched]
            found = self._second[line] == halves[searched, 1]
            found[found] = self._sound(line[found])
            rows, line = searched[found], line[found]
            places.segment[rows], places.offset[rows] = self._segment[line], self._offset[line]
            places.length[rows] = self._length[line]
            searched = searched[~found]
            position[searched] -= 1
        return places

    def _sound(self, lines: NDArray[np.int64]) -> NDArray[np.bool_]:
        sound = np.zeros(len(lines), np.bool_)
        numbers = self._segment[lines]
        for number in np.unique(numbers).tolist():
            of_segment = np.flatnonzero(numbers == number)
            offset, length = self._offset[lines[of_segment]], self._length[lines[of_segment]]
            try:
                holds = self._segments[number].sound(offset, length)
            except FileNotFoundError:  # somebody compacted the folder; what is not found is computed again
                continue
            sound[of_segment] = holds
            self.damaged.update((number, place) for place in offset[~holds].tolist())
        return sound
