"""`fasteval cache`: look after the response cache."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import click

from fasteval.cli.output import say, say_json
from fasteval.cli.parameters import CommandGroup, flag
from fasteval.errors import CacheError, UsageError

__all__ = ["cache"]

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_EXIT_DAMAGED = 1


@click.group(cls=CommandGroup)
@flag("--use_cache", "-c", metavar="FOLDER", help="Folder of the response cache (default: the user's).")
@click.pass_context
def cache(context: click.Context, use_cache: str | None) -> None:
    """Looks after the response cache."""
    from fasteval.cache import default_folder

    context.obj = Path(use_cache).expanduser() if use_cache else default_folder() / "responses"


@cache.command()
@click.pass_obj
def stats(folder: Path) -> None:
    """Shows what is in the cache, model by model."""
    from fasteval.cache.maintenance import statistics
    from fasteval.results.printable import printable

    found = statistics(_existing(folder))
    say(f"{folder}: {found.entries:,} answers, {_size(found.bytes)} in {found.segments} segments")
    for fingerprint, share in sorted(found.models.items(), key=lambda item: -item[1].bytes):
        name, days = printable(share.name, 60), f"{_day(share.oldest)} to {_day(share.newest)}"
        say(f"  {name}  {fingerprint[:12]}  {share.entries:,} answers, {_size(share.bytes)}, {days}")
    if found.superseded or found.damaged:
        say(f"{found.superseded:,} superseded and {found.damaged:,} damaged lines: `fasteval cache compact`")


@cache.command()
@click.pass_obj
def verify(folder: Path) -> int:
    """Reads every line; names those that are torn or damaged. Exit code 1 if there are any."""
    from fasteval.cache.entries import damage

    found = damage(_existing(folder))
    for entry in found:
        say(f"{entry.path}: byte {entry.offset}: damaged line of {entry.length} bytes")
    say(f"{folder}: {len(found)} damaged lines" + (": their answers are computed again" if found else ""))
    return _EXIT_DAMAGED if found else 0


@cache.command()
@click.pass_obj
def compact(folder: Path) -> None:
    """Rewrites the cache: one segment a model, each answer once, nothing damaged."""
    _rewrite(folder)


@cache.command()
@flag("--older_than", metavar="AGE", help="Answers written so long ago or earlier: 30d, 12h, 2w.")
@flag("--model", help="Answers of this model: its name, or its fingerprint's first digits (see `stats`).")
@flag("--max_size", metavar="SIZE", help="The oldest answers, until the rest has at most this size: 500M, 2G.")
@click.pass_obj
def prune(folder: Path, older_than: str | None, model: str | None, max_size: str | None) -> None:
    """Removes answers, and compacts the rest."""
    if older_than is None and model is None and max_size is None:
        raise UsageError("nothing to remove is named: pass --older_than, --model or --max_size")
    age = None if older_than is None else _number(older_than, _SECONDS, "--older_than", "30d or 12h")
    size = None if max_size is None else int(_number(max_size, _UNITS, "--max_size", "500M or 2G"))
    _rewrite(folder, older_than=age, model=model, max_bytes=size)


@cache.command()
@click.argument("others", nargs=-1, required=True, metavar="FOLDER…")
@click.pass_obj
def merge(folder: Path, others: tuple[str, ...]) -> None:
    """Adds the answers of other caches that this one does not have."""
    from fasteval.cache.folder import make_private
    from fasteval.cache.maintenance import merge as merge_into

    try:
        make_private(folder)
    except OSError as error:
        raise CacheError(f"cannot open the response cache {folder}: {error.strerror}") from error
    for other in others:
        say(f"{other}: {merge_into(folder, _existing(Path(other).expanduser())):,} answers added")


@cache.command()
@flag("--model", help="Only answers of this model: its name, or its fingerprint's first digits.")
@click.pass_obj
def export(folder: Path, model: str | None) -> None:
    """Writes the answers to standard output as JSON lines: key, model, time, texts, log-probability, token counts."""
    from fasteval.cache.entries import exported_lines

    for line in exported_lines(_existing(folder), model):
        say_json(line)


@cache.command()
@click.argument("results")
@click.argument("other", required=False)
@flag("--task", help="One of the run's tasks.")
@flag("--doc", "-d", type=int, help="Number of a document of the task.")
@click.pass_obj
def explain(folder: Path, results: str, other: str | None, task: str | None, doc: int | None) -> None:
    """Shows what the keys of a run's answers are made of; of two runs, which parts differ.

    RESULTS and OTHER are results files, or their folders. With --task and --doc: the keys of one document, and whether
    the cache has their answers.
    """
    from fasteval.evaluation.explain import explain_difference, explain_document, explain_run
    from fasteval.results.saved import read_run

    run = read_run(results)
    if (task is None) != (doc is None):
        raise UsageError("--task and --doc go together")
    if task is not None and doc is not None:
        lines = explain_document(run, None if other is None else read_run(other), task, doc, folder)
    elif other is not None:
        lines = explain_difference(run, read_run(other))
    else:
        lines = explain_run(run)
    for line in lines:
        say(line)


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise CacheError(f"there is no response cache {folder}")
    return folder


def _rewrite(folder: Path, **without: Any) -> None:
    from fasteval.cache.maintenance import rewrite

    done = rewrite(_existing(folder), **without)
    sizes = f"{_size(done.bytes_before)} -> {_size(done.bytes_after)}"
    say(f"{done.kept:,} answers kept, {done.removed:,} removed; {sizes}")


def _number(text: str, units: dict[str, int], name: str, example: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]?)(?:i?b)?", text.strip().lower())
    if match is None or match[2] not in units:
        raise UsageError(f"{name} {text} is not of the form {example}")
    return float(match[1]) * units[match[2]]


def _size(count: int) -> str:
    from rich.filesize import decimal

    return decimal(count)


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
