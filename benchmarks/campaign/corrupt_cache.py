"""A thousand damaged lines in the cache: bit flips, truncation, garbage, duplicates, at random bytes."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from benchmarks.campaign.lab import Finding

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.campaign.lab import Lab

__all__ = ["NAME", "damage", "run"]

NAME = "damaged cache"
_LINES = 1000


def run(lab: Lab) -> Finding:
    """Damages a full cache and runs on it."""
    cache = lab.copy_of_cache("damaged")
    duplicated = damage(cache, Random(lab.seed), _LINES)
    outcome = lab.run("damaged", cache=cache)
    again = lab.run("mended", cache=cache)
    damaged = _LINES - duplicated
    return Finding(
        fault=f"{_LINES:,} of {lab.reference.unique:,} cache lines: bits flipped, cut off, overwritten with garbage, "
        f"doubled ({duplicated})",
        # A line that is cut off takes the next one, which may be sound, with it.
        lost=max(0, outcome.sent - 2 * damaged) + again.sent,
        wrong=lab.wrong(outcome) + lab.wrong(again) + outcome.exit_code + again.exit_code,
        costs=f"{outcome.counters['cache_damaged_lines']:,.0f} damaged lines, {outcome.sent:,} answers computed "
        "again, none in the run after that",
        message=outcome.message("has damaged lines"),
    )


def damage(cache: Path, draw: Random, count: int) -> int:
    """Damages `count` random lines of a cache; returns how many of them were merely doubled.

    A flip changes one bit, which may be the one that ends the line. What is cut off loses its end, and the end of the
    line with it. Garbage overwrites up to 40 bytes.
    """
    (path,) = [path for path in cache.glob("*.jsonl") if path.stat().st_size]
    lines = path.read_bytes().splitlines(keepends=True)
    doubled = 0
    for number in draw.sample(range(len(lines)), count):
        line = bytearray(lines[number])
        kind = draw.choice(("flip", "cut", "garbage", "double"))
        at = draw.randrange(len(line))
        if kind == "flip":
            line[at] ^= 1 << draw.randrange(8)
        elif kind == "cut":
            del line[at:]
        elif kind == "garbage":
            end = min(len(line), at + draw.randint(1, 40))
            line[at:end] = draw.randbytes(end - at)
        else:
            line += bytes(line)
            doubled += 1
        lines[number] = bytes(line)
    path.write_bytes(b"".join(lines))
    return doubled
