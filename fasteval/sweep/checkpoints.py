"""Checkpoints by pattern: which there are, in the order of their steps, and which have just become whole."""

from __future__ import annotations

import contextlib
import glob
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fasteval.errors import CheckpointError
from fasteval.models.checkpoint.find import what_is_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Checkpoint", "CheckpointWatch", "find_checkpoints"]

_NUMBER = re.compile(r"\d+")
# A checkpoint is whole when nothing in it has changed for so many seconds, besides everything being there.
_REST_SECONDS = 3.0
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder with weights.

    Attributes:
        path: the folder.
        step: the last number in what the pattern left open of its path; None where there is none.
    """

    path: Path
    step: int | None

    @property
    def label(self) -> str:
        """The step, or the folder's name."""
        return self.path.name if self.step is None else str(self.step)

    @property
    def order(self) -> tuple[bool, int, str]:
        """By what checkpoints are sorted: by step and then by name; those without a step come last."""
        return self.step is None, self.step or 0, str(self.path)

    def missing(self) -> str | None:
        """Returns in words what it lacks; None if it is whole."""
        return what_is_missing(self.path)


def find_checkpoints(patterns: Sequence[str]) -> list[Checkpoint]:
    """Returns the folders that match, by step and then by name, each once; they need not be whole.

    Args:
        patterns: folders, or patterns of folders as in a shell (`runs/step-*`; `**` for any depth).

    Raises:
        CheckpointError: a pattern without wildcards names no folder.
    """
    found: dict[Path, Checkpoint] = {}
    for pattern in patterns:
        text = str(Path(pattern).expanduser())
        matches = glob.glob(text, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute patterns
        folders = [Path(match) for match in matches if Path(match).is_dir()]
        if not folders and not glob.has_magic(text):
            raise CheckpointError(f"the checkpoint folder {pattern} does not exist")
        for folder in folders:
            found.setdefault(folder.resolve(), Checkpoint(folder, _step(folder, text)))
    return sorted(found.values(), key=lambda checkpoint: checkpoint.order)


def _step(folder: Path, pattern: str) -> int | None:
    """Returns the last number behind the part of the path that the pattern spells out."""
    is_open = [glob.has_magic(part) for part in Path(pattern).parts]
    first = is_open.index(True) if True in is_open else len(is_open) - 1
    numbers = _NUMBER.findall("/".join(folder.parts[first:]))
    return int(numbers[-1]) if numbers else None


class CheckpointWatch:
    """Finds each checkpoint once, when it is whole: nothing missing, and nothing changing any more."""

    def __init__(
        self,
        patterns: Sequence[str],
        *,
        timeout: float | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Has found none yet.

        Args:
            patterns: see `find_checkpoints`.
            timeout: seconds without a new checkpoint after which the watch ends; None waits for ever.
            should_stop: asked several times a second; ends the watch.
            clock: gives seconds.
            sleep: waits for some.
        """
        self._patterns, self._timeout, self._should_stop = patterns, timeout, should_stop
        self._clock, self._sleep = clock, sleep
        self._seen: set[Path] = set()
        self._states: dict[Path, tuple[object, float]] = {}  # what a folder holds, and since when

    def wait(self) -> list[Checkpoint]:
        """Returns the checkpoints that have become whole since the last call; waits for one.

        Returns:
            None of them, if the watch is at its end.
        """
        begun = self._clock()
        while not self._should_stop():
            whole = [checkpoint for checkpoint in find_checkpoints(self._patterns) if self._is_new(checkpoint)]
            if whole:
                self._seen |= {checkpoint.path.resolve() for checkpoint in whole}
                return whole
            if self._timeout is not None and self._clock() - begun >= self._timeout:
                return []
            self._sleep(_LOOK_SECONDS)
        return []

    def unfinished(self) -> Iterator[tuple[Checkpoint, str]]:
        """Yields what was left lying there, and what it lacks."""
        for checkpoint in find_checkpoints(self._patterns):
            if checkpoint.path.resolve() not in self._seen:
                yield checkpoint, checkpoint.missing() or "it is still changing"

    def _is_new(self, checkpoint: Checkpoint) -> bool:
        path = checkpoint.path.resolve()
        if path in self._seen:
            return False
        now, state = self._clock(), _state(path)
        if self._states.get(path, (None, 0.0))[0] != state:
            self._states[path] = (state, now)
        rested = now - self._states[path][1]
        try:
            return rested >= _REST_SECONDS and checkpoint.missing() is None
        except OSError:  # it is being moved, or removed
            return False


def _state(folder: Path) -> object:
    """Returns what changes whenever a file of the folder does."""
    entries = []
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(OSError):  # a temporary file that is gone by now
            status = path.stat()
            entries.append((path, status.st_size, status.st_mtime_ns))
    return entries
