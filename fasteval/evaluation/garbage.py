"""Garbage collection during a run: rare, since nearly everything that a run makes lives until its end."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["rare_collections"]

#: New objects before the youngest are looked at (Python's own number is 700), and how many such looks make a wider one.
_YOUNG, _WIDER = 50_000, 20


@contextmanager
def rare_collections() -> Iterator[None]:
    """Has Python look for garbage less often while the block runs; memory that no cycle holds is freed at once anyway.

    Answers, samples and scored documents stay; looking through them again and again takes a third of the host's time.
    """
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], _YOUNG) if before[0] else 0, max(before[1], _WIDER), max(before[2], _WIDER))
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # what is there counts as old: looking through all of it now would be for nothing
            gc.freeze()
            gc.unfreeze()
        gc.set_threshold(*before)
