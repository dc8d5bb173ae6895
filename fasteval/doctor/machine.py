"""The machine: memory, the cache folder, and the terminal."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from typing import TYPE_CHECKING

from rich.filesize import decimal

from fasteval.cache import default_folder
from fasteval.doctor.finding import Finding, Status
from fasteval.models.vllm.kv_cache import available_memory, total_memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["examine_cache", "examine_memory", "examine_terminal"]

# A small model with its key-value cache, beside torch and vLLM themselves.
_LEAST_MEMORY = 4 << 30
_LEAST_SPACE = 1 << 30


def examine_memory() -> Iterator[Finding]:
    """Yields what the machine could give an engine."""
    total, free = total_memory(), available_memory()
    cores = os.cpu_count() or 1
    text = f"{cores} cores; {decimal(free)} of {decimal(total)} are free"
    facts = {"total": total, "available": free, "cores": cores}
    if total and free < _LEAST_MEMORY:
        mend = "ps -eo rss,args --sort=-rss | head  # see what takes it"
        yield Finding("memory", "memory", Status.LACK, f"{text}: little for an engine", mend, facts)
    else:
        yield Finding("memory", "memory", Status.FINE, text if total else f"{cores} cores; memory unknown", facts=facts)


def examine_cache() -> Iterator[Finding]:
    """Yields what is in the cache folder, whether it can be written, and whether others can read it."""
    folder = default_folder()
    problem = _write_problem(folder)
    if problem:
        text = f"{folder} cannot be written: {problem}"
        yield Finding("cache", "folder", Status.FAULT, text, "export FASTEVAL_CACHE=/a/folder/of/your/own")
        return
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    taken = sum(path.stat().st_size for path in files)
    free = shutil.disk_usage(_existing(folder)).free
    text = f"{folder}: {decimal(taken)} in {len(files):,} files, {decimal(free)} free on its disk"
    facts = {"folder": str(folder), "bytes": taken, "files": len(files), "free": free}
    if free < _LEAST_SPACE:
        mend = "export FASTEVAL_CACHE=/a/folder/on/another/disk"
        yield Finding("cache", "folder", Status.LACK, f"{text}: nearly full", mend, facts)
    elif folder.is_dir() and folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mend = f"chmod 700 '{folder}'"
        yield Finding("cache", "folder", Status.LACK, f"{text}; other users can look into it", mend, facts)
    else:
        yield Finding("cache", "folder", Status.FINE, text, facts=facts)


def _existing(folder: Path) -> Path:
    """Returns the folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _write_problem(folder: Path) -> str:
    """Returns why nothing can be written to the folder, or to where it would be made; "" if it can."""
    place = _existing(folder)
    if not place.is_dir():
        return f"{place} is a file"
    try:
        with tempfile.TemporaryFile(dir=place):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def examine_terminal() -> Iterator[Finding]:
    """Yields how output will look."""
    encoding = (sys.stdout.encoding or "ascii").lower()
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = shutil.get_terminaldecimal().columns
    text = f"{'a terminal' if sys.stdout.isatty() else 'no terminal: progress in lines'}, {width} columns, {encoding}"
    facts = {"is_terminal": sys.stdout.isatty(), "columns": width, "encoding": encoding, "colours": colours}
    if not encoding.startswith("utf"):
        mend = "export PYTHONIOENCODING=utf-8"
        yield Finding("terminal", "output", Status.LACK, f"{text}: other letters show as '?'", mend, facts)
    else:
        yield Finding("terminal", "output", Status.FINE, text + (", colours" if colours else ""), facts=facts)
