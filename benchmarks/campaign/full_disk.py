"""The disk is full: first the cache's, in the middle of the run, then the results', at its end."""

from __future__ import annotations

import resource
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.campaign.lab import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.campaign.lab import Lab

__all__ = ["NAME", "run"]

NAME = "full disk"


def run(lab: Lab) -> Finding:
    """Runs on a file system that has room for half of the answers, and saves to one that has room for nothing."""
    size = sum(path.stat().st_size for path in lab.reference.cache.glob("*.jsonl"))
    with _small_disk(size // 2) as (disk, how):
        stopped = lab.run("full", cache=disk / "cache")
        with tempfile.TemporaryDirectory(dir=lab.folder) as roomy:
            cache = Path(roomy) / "cache"
            subprocess.run(["cp", "-r", disk / "cache", cache], check=True)  # noqa: S607 - found in the PATH
            written = stopped.written
            resumed = lab.run("roomy", cache=cache)
    with _small_disk(16 << 10) as (disk, _):
        unsaved = lab.run("unsaved", "--output_path", str(disk / "out"), cache=lab.reference.cache)
    again = lab.run("saved", cache=lab.reference.cache)
    codes = (stopped.exit_code, resumed.exit_code, unsaved.exit_code, again.exit_code)
    return Finding(
        fault=f"{how} with room for half of the answers; then one with room for none of the results",
        lost=resumed.sent - (lab.reference.unique - written) + again.sent,
        wrong=lab.wrong(resumed) + lab.wrong(again) + (codes != (1, 0, 1, 0)) + bool(unsaved.results),
        costs=f"exit code 1; {written:,} answers were written and none of them computed again; no half-written results",
        message=f"{stopped.message('error:')}` and `{unsaved.message('error:')}",
    )


@contextmanager
def _small_disk(size: int) -> Iterator[tuple[Path, str]]:
    """Mounts a tmpfs of `size` bytes, or, where that is not allowed, forbids larger files to what is started within."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["-t", "tmpfs", "-o", f"size={size}", "none", folder]
        mounted = subprocess.run(["mount", *options], capture_output=True, check=False)  # noqa: S607 - found in the PATH
        if mounted.returncode == 0:
            try:
                yield Path(folder), "a small tmpfs"
            finally:
                subprocess.run(["umount", folder], check=True)  # noqa: S607 - found in the PATH
            return
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield Path(folder), "a limit to the size of files"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
