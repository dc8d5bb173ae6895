"""Which documents a rank evaluates."""

from __future__ import annotations

import math
from fractions import Fraction

from fasteval.errors import UsageError

__all__ = ["effective_limit", "shard"]


def effective_limit(limit: float | None, n_docs: int) -> int | None:
    """Returns the limit as a count: numbers below 1 are a share of the task's own documents; None and 0 mean all.

    Shares are rounded up: 0.07 of 100 documents are 7, of 101 are 8.

    Raises:
        UsageError: a negative limit, or one that is no finite number.
    """
    if limit is None or limit == 0:
        return None
    if limit < 0 or not math.isfinite(limit):
        raise UsageError(f"--limit must be a number from 0 up, got {limit}")
    # As a decimal fraction: in floating point 0.07 * 100 is a little more than 7.
    return math.ceil(Fraction(str(limit)) * n_docs) if limit < 1 else int(limit)


def shard(n_docs: int, *, limit: float | None = None, offset: int = 0, rank: int = 0, world_size: int = 1) -> range:
    """Returns the document numbers of one rank.

    Offset and limit apply first, to the data set as a whole; the ranks then take the documents in turn. So the
    shards of all ranks are disjoint and together cover what a single rank would see.

    Raises:
        UsageError: a negative offset or limit, or a rank that does not exist.
    """
    if offset < 0:
        raise UsageError(f"--offset must not be negative, got {offset}")
    if not 0 <= rank < world_size:
        raise UsageError(f"rank {rank} does not exist among {world_size}")
    count = effective_limit(limit, n_docs)
    end = n_docs if count is None else min(n_docs, offset + count)
    return range(min(offset, end) + rank, end, world_size)
