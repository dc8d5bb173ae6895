"""The commands in the pages: found, run as a reader would run them, and compared with what the pages show.

A block fenced as `console` has commands behind `$ ` and, below each, what it prints. A comment in the line before the
fence says what is special about it:

- `<!-- test: exit 2 -->`: the exit code that each of its commands has.
- `<!-- test: parse only, needs a GPU -->`: the commands are only checked to parse, for the reason that follows.
- `<!-- test: not run, installs a gigabyte -->`: not a command of fasteval's, for the reason that follows.
- `<!-- file: capitals/capitals.yaml -->` before any fence: the block is that file, which the commands find.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DOCS", "Command", "Page", "masked", "prepare", "run"]

DOCS = Path(__file__).parent
_ROOT = DOCS.parent
_REMARK = re.compile(r"<!-- (?P<kind>test|file): (?P<text>.*?) -->")
_VOLATILE = (
    (re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}(\.\d+)?"), "<TIME>"),
    (re.compile(r"\d{8}_\d{6}(_\d+)?"), "<TIME>"),
    (re.compile(r"^([\d,]+ requests) in .*"), r"\1 in <FIGURES>"),
)
# What a run says on its way depends on how fast it is, and on what the cache has.
_PROGRESS = re.compile(
    r"^fasteval: ([\d,]+/[\d,]+ requests|[\d,]+ requests, |starting the engine|evaluating|summing up)"
)


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a page.

    Attributes:
        text: what is typed, lines joined.
        output: what the page shows of what it prints.
        exit_code: what it exits with.
        parse_only: why it is only checked to parse; "" if it is run.
        line: the number of its first line in the page, from 0.
        end: the number of the line behind its output.
    """

    text: str
    output: tuple[str, ...]
    exit_code: int
    parse_only: str
    line: int
    end: int

    @property
    def words(self) -> list[str]:
        """The words that follow the program's name."""
        return shlex.split(self.text)[1:]


@dataclass(slots=True)
class Page:
    """A page with its commands and the files that they need."""

    path: Path
    commands: list[Command] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Page:
        """Returns the page with what its fences say."""
        page, lines = cls(path), path.read_text("utf-8").splitlines()
        for number, info, end in _fences(lines):
            match = _REMARK.search(lines[number - 1]) if number else None
            kind, remark = (match["kind"], match["text"]) if match else ("", "")
            body = lines[number + 1 : end]
            if kind == "file":
                page.files[remark] = "\n".join(body) + "\n"
            elif info == "console" and not remark.startswith("not run"):
                page.commands += _commands(body, number + 1, remark)
        return page


def _fences(lines: list[str]) -> Iterator[tuple[int, str, int]]:
    """Yields for each fenced block the number of its first line, its info string, and the number of its last line."""
    start: int | None = None
    for number, line in enumerate(lines):
        if line.startswith("```"):
            if start is None:
                start = number
            else:
                yield start, lines[start].removeprefix("```").strip(), number
                start = None


def _commands(body: list[str], offset: int, remark: str) -> Iterator[Command]:
    starts = [number for number, line in enumerate(body) if line.startswith("$ ")] + [len(body)]
    for start, end in pairwise(starts):
        typed = start + 1
        while body[typed - 1].endswith("\\"):
            typed += 1
        text = " ".join(line.removesuffix("\\").strip() for line in body[start:typed]).removeprefix("$ ")
        yield Command(
            text=text,
            output=tuple(body[typed:end]),
            exit_code=int(remark.removeprefix("exit ")) if remark.startswith("exit ") else 0,
            parse_only=remark.removeprefix("parse only").strip(" ,") if remark.startswith("parse only") else "",
            line=offset + start,
            end=offset + end,
        )


def prepare(folder: Path, pages: list[Page]) -> dict[str, str]:
    """Writes the pages' files into `folder`; returns an environment in which `fasteval` is this checkout."""
    for page in pages:
        for name, text in page.files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
    programs = folder / ".bin"
    programs.mkdir(exist_ok=True)
    for name, words in (("fasteval", "-m fasteval"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (programs / name).chmod(0o755)
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",  # so that both streams come in the order in which they were written
        "FASTEVAL_CACHE": str(folder / ".cache"),
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",  # the order in which files are listed
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "NO_COLOR": "1",
    }


def run(command: Command, folder: Path, environment: dict[str, str]) -> tuple[int, list[str]]:
    """Runs a command in `folder`; returns its exit code and the lines of both streams, progress left out."""
    done = subprocess.run(
        ["bash", "-c", command.text],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    text = done.stdout.replace(f"{folder}/", "").replace(str(_ROOT), "<checkout>")
    return done.returncode, [line for line in text.splitlines() if not _PROGRESS.match(line)]


def masked(lines: list[str] | tuple[str, ...]) -> list[str]:
    """Returns the lines without what differs from run to run: times, rates, moments."""
    result = []
    for line in lines:
        text = line
        for pattern, replacement in _VOLATILE:
            text = pattern.sub(replacement, text)
        result.append(text.rstrip())
    return result
