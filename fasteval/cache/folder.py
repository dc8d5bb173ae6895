"""The cache's folder: private to its user, and the segments in it."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import stat
import tempfile
from pathlib import Path

__all__ = ["hold", "make_private", "segment_paths", "write_whole"]

_LOG = logging.getLogger(__name__)


def make_private(folder: Path) -> None:
    """Makes the folder, and folders above it, for its user alone.

    One that is there is left as it is, with a warning where others may write to it.

    Raises:
        OSError: it cannot be made, or is no folder.
    """
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    mode = folder.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        _LOG.warning("others may write to the response cache %s, and so decide what models are said to answer", folder)


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file that its owner alone may read; others see it whole, or as it was before.

    Raises:
        OSError: it cannot be written.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.suffix[1:]}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def hold(folder: Path, *, alone: bool = False) -> int | None:
    """Returns a descriptor that holds the folder until it is closed, or None if it cannot be had.

    Runs hold it together; whoever removes segments holds it `alone`, so that no run loses sight of its answers: a run
    waits for that, and a removal does not wait for runs. Where the file system knows no locks, runs go without, and
    nobody gets it alone.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    try:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if alone:
                raise
            _LOG.info("the response cache %s is being rewritten: waiting for the end of that", folder)
            fcntl.flock(descriptor, kind)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def segment_paths(folder: Path) -> list[Path]:
    """Returns the segments that are not empty, oldest first: their names begin with the time when they were made."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.endswith(".jsonl") and entry.stat().st_size]
    return [folder / name for name in sorted(names)]
