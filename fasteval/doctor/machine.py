"""The machine: what is installed, memory, the cache folder, and the terminal."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import stat
import sys
import tempfile
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from rich.filesize import decimal

from fasteval.cache import default_folder
from fasteval.doctor.finding import Finding, Status
from fasteval.models.vllm.distribution import distribution_version
from fasteval.models.vllm.kv_cache import available_memory, total_memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["examine_cache", "examine_memory", "examine_packages", "examine_terminal"]

_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")
#: Extras that evaluations use, and what for. The engines are looked at by themselves; others are for developers.
_PURPOSES = {
    "demo": "the demo model's task easy_vqa",
    "metrics": "the metrics bleu, chrf and ter",
}
# A small model with its key-value cache, beside torch and vLLM themselves.
_LEAST_MEMORY = 4 << 30
_LEAST_SPACE = 1 << 30


def examine_packages() -> Iterator[Finding]:
    """Yields findings about Python, fasteval with its requirements, and the extras."""
    yield Finding("packages", "python", Status.FINE, platform.python_version())
    try:
        requirements = [Requirement(text) for text in importlib.metadata.requires("fasteval") or ()]
        version = importlib.metadata.version("fasteval")
    except importlib.metadata.PackageNotFoundError:
        text = "runs from its folder, without being installed: what it needs is not known"
        yield Finding("packages", "fasteval", Status.LACK, text, "pip install -e '.[cpu]'")
        return
    for extra, beginning in ((None, version), *((extra, f"for {purpose}") for extra, purpose in _PURPOSES.items())):
        own = [requirement for requirement in requirements if _belongs(requirement, extra)]
        problems = _problems(own)
        status = Status.FINE if not problems else Status.FAULT if extra is None else Status.LACK
        text = "; ".join([beginning, *(reason for _, reason in problems)])
        mend = f"pip install 'fasteval[{extra}]'"
        if extra is None:
            mend = "pip install --upgrade " + " ".join(f"'{entry.name}{entry.specifier}'" for entry, _ in problems)
        versions = {entry.name: distribution_version(entry.name) for entry in own}
        name = "fasteval" if extra is None else f"fasteval[{extra}]"
        yield Finding("packages", name, status, text, mend if problems else "", versions)


def _belongs(requirement: Requirement, extra: str | None) -> bool:
    """Whether an extra (or fasteval itself, for None) needs a package on this machine."""
    marker = requirement.marker
    found = _EXTRA.search(str(marker or ""))
    applies = marker is None or marker.evaluate({"extra": extra or ""})
    return (found[1] if found else None) == extra and applies


def _problems(requirements: list[Requirement]) -> list[tuple[Requirement, str]]:
    """Returns what is missing or of a wrong version, with the reason."""
    problems = []
    for requirement in requirements:
        version = distribution_version(requirement.name)
        if version is None:
            problems.append((requirement, f"{requirement.name} is not installed"))
        elif not requirement.specifier.contains(version, prereleases=True):
            problems.append((requirement, f"{requirement.name} {version} is not {requirement.specifier}"))
    return problems


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
    width = shutil.get_terminal_size().columns
    text = f"{'a terminal' if sys.stdout.isatty() else 'no terminal: progress in lines'}, {width} columns, {encoding}"
    facts = {"is_terminal": sys.stdout.isatty(), "columns": width, "encoding": encoding, "colours": colours}
    if not encoding.startswith("utf"):
        mend = "export PYTHONIOENCODING=utf-8"
        yield Finding("terminal", "output", Status.LACK, f"{text}: other letters show as '?'", mend, facts)
    else:
        yield Finding("terminal", "output", Status.FINE, text + (", colours" if colours else ""), facts=facts)
