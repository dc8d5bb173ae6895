"""The Levenshtein distance: the least number of insertions, deletions and substitutions between two texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["levenshtein", "word_edits"]


def levenshtein(first: str, second: str) -> int:
    """Returns the distance in characters.

    Myers' bit-parallel algorithm (J. ACM 46(3), 1999) in Hyyrö's form (Nordic J. Computing 10, 2003): one column of
    the dynamic-programming matrix is two integers, whose bits say where it goes up and where it goes down. Python's
    integers have any width, so no text is too long; a column costs a handful of integer operations.
    """
    if len(first) > len(second):
        first, second = second, first
    if not first:
        return len(second)
    positions: dict[str, int] = {}
    for index, character in enumerate(first):
        positions[character] = positions.get(character, 0) | 1 << index
    full = (1 << len(first)) - 1
    last = 1 << (len(first) - 1)
    up, down = full, 0
    distance = len(first)
    for character in second:
        equal = positions.get(character, 0)
        diagonal = ((((equal & up) + up) ^ up) | equal | down) & full
        right_up = down | (full & ~(diagonal | up))
        right_down = up & diagonal
        if right_up & last:
            distance += 1
        elif right_down & last:
            distance -= 1
        right_up = (right_up << 1 | 1) & full
        up = (right_down << 1 | ~(diagonal | right_up)) & full
        down = right_up & diagonal
    return distance


def word_edits(first: Sequence[str], second: Sequence[str]) -> int:
    """Returns the least number of words to insert, drop or replace: the distance of texts with a character a word."""
    codes: dict[str, str] = {}
    texts = ["".join(codes.setdefault(word, chr(0x10000 + len(codes))) for word in words) for words in (first, second)]
    return levenshtein(*texts)
