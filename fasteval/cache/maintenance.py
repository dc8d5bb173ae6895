"""Looking after a cache: what is in it, what is damaged, and rewriting it without what nobody needs."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from fasteval.cache.entries import Damage, Entry, check_model, entries, is_of_model, newest
from fasteval.cache.folder import hold, segment_paths
from fasteval.cache.index import index_path
from fasteval.cache.line import encode_line
from fasteval.cache.value import stamped
from fasteval.cache.writer import SegmentWriter
from fasteval.errors import CacheError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["ModelShare", "Rewritten", "Statistics", "merge", "rewrite", "statistics"]


@dataclass(slots=True)
class ModelShare:
    """What a cache has of one model: entries, bytes, and the times of the oldest and the newest of them."""

    name: str
    entries: int = 0
    bytes: int = 0
    oldest: float = float("inf")
    newest: float = 0.0


@dataclass(slots=True)
class Statistics:
    """What is in a cache.

    Attributes:
        segments: files.
        bytes: their size, indices included.
        entries: distinct keys.
        superseded: lines whose key has a newer one.
        damaged: lines that are torn or damaged.
        models: shares by fingerprint; "" for segments that do not say.
    """

    segments: int = 0
    bytes: int = 0
    entries: int = 0
    superseded: int = 0
    damaged: int = 0
    models: dict[str, ModelShare] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What became of a cache: entries kept and removed, and its bytes before and after."""

    kept: int
    removed: int
    bytes_before: int
    bytes_after: int


def statistics(folder: Path) -> Statistics:
    """Returns what is in a cache; reads all of it."""
    found = Statistics()
    damaged: list[Damage] = []
    seen: set[bytes] = set()
    for entry in entries(folder, damaged.append):
        if entry.key in seen:
            found.superseded += 1
            continue
        seen.add(entry.key)
        fingerprint = str(entry.about.get("fingerprint", ""))
        share = found.models.setdefault(fingerprint, ModelShare(str(entry.about.get("model", "unknown"))))
        share.entries += 1
        share.bytes += entry.length
        share.oldest, share.newest = min(share.oldest, entry.written), max(share.newest, entry.written)
    paths = segment_paths(folder)
    found.segments, found.bytes = len(paths), _size(folder)
    found.entries, found.damaged = len(seen), len(damaged)
    return found


def rewrite(
    folder: Path, *, older_than: float | None = None, model: str | None = None, max_bytes: int | None = None
) -> Rewritten:
    """Rewrites a cache: one segment a model, each key once, nothing damaged; and nothing that is to be removed.

    Args:
        folder: the cache.
        older_than: remove answers that were written so many seconds ago, or earlier.
        model: remove answers of this model: its name, or its fingerprint's first digits (at least 6).
        max_bytes: remove the oldest answers until the lines together have at most so many bytes.

    Raises:
        UnknownNameError: there are no answers of the model.
        CacheError: a run is using the cache; or it cannot be written, and then it is as it was.
    """
    check_model(folder, model)
    with _held(folder, alone=True):
        before = _size(folder)
        old = segment_paths(folder)
        doomed = _Doomed(folder, older_than, model, max_bytes)
        kept = removed = 0
        with _new_segments(folder) as write:
            for entry in newest(folder):
                if doomed(entry):
                    removed += 1
                else:
                    write(entry)
                    kept += 1
        # Only now that all of it is on disk a second time.
        for path in old:
            path.unlink()
            index_path(path).unlink(missing_ok=True)
        return Rewritten(kept, removed, before, _size(folder))


def merge(folder: Path, other: Path) -> int:
    """Adds what another cache has and this one has not; returns how many entries that were. Runs may go on meanwhile.

    Raises:
        CacheError: this one cannot be written.
    """
    added = 0
    with _held(folder, alone=False), _new_segments(folder) as write:
        known = {entry.key for entry in entries(folder)}
        for entry in newest(other):
            if entry.key not in known:
                write(entry)
                added += 1
    return added


class _Doomed:
    """Decides which entries are removed."""

    def __init__(self, folder: Path, older_than: float | None, model: str | None, max_bytes: int | None) -> None:
        self._before = None if older_than is None else time.time() - older_than
        self._model = model
        self._fits_from = 0.0 if max_bytes is None else self._age_that_fits(folder, max_bytes)

    def __call__(self, entry: Entry) -> bool:
        return self._is_unwanted(entry) or entry.written < self._fits_from

    def _is_unwanted(self, entry: Entry) -> bool:
        is_old = self._before is not None and entry.written <= self._before
        return is_old or (self._model is not None and is_of_model(entry.about, self._model))

    def _age_that_fits(self, folder: Path, max_bytes: int) -> float:
        """Returns the time from which on everything that stays fits into `max_bytes`."""
        per_second: dict[float, int] = defaultdict(int)
        for entry in newest(folder):
            if not self._is_unwanted(entry):
                per_second[entry.written] += entry.length
        total, start = 0, float("inf")
        for second in sorted(per_second, reverse=True):
            total += per_second[second]
            if total > max_bytes:
                break
            start = second
        return start


@contextmanager
def _new_segments(folder: Path) -> Iterator[Callable[[Entry], None]]:
    """Gives what writes an entry to a new segment, one a model. If writing fails they are removed again."""
    writers: dict[bytes, SegmentWriter] = {}

    def write(entry: Entry) -> None:
        name = orjson.dumps(entry.about, option=orjson.OPT_SORT_KEYS)
        if name not in writers:
            writers[name] = SegmentWriter(folder, entry.about)
        writers[name].write(encode_line(entry.key, stamped(entry.value, int(entry.written))))

    try:
        yield write
        for writer in writers.values():
            writer.close()
    except BaseException as error:
        for writer in writers.values():
            with suppress(OSError):
                writer.close()
            writer.path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            text = f"cannot write to the response cache {folder}: {error.strerror}; it is as it was"
            raise CacheError(text) from error
        raise


@contextmanager
def _held(folder: Path, *, alone: bool) -> Iterator[None]:
    try:
        lock = hold(folder, alone=alone)
    except OSError as error:
        raise CacheError(f"cannot open the response cache {folder}: {error.strerror}") from error
    if lock is None and alone:
        raise CacheError(f"the response cache {folder} is in use by a run: try again when it has ended")
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.suffix in (".jsonl", ".index"))
