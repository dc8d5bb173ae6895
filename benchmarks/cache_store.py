"""The response cache beside SQLite and SqliteDict: opening, looking up and appending many answers.

    python -m benchmarks.cache_store --entries 1000000 --appends 100000 --rounds 3

All three get the same keys and answers, and the same promise is asked of them: an answer that was appended survives
the process being killed. So SQLite and SqliteDict commit after each one (in WAL mode, without waiting for the disk,
which is their fastest way to keep that promise). Each step is a process of its own and the three take turns in each
round; the median over the rounds is reported. The first open has no index beside the segment, as after a killed run.
"""

from __future__ import annotations

import json
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import orjson
import xxhash

from fasteval.api.request import Response
from fasteval.cache import ResponseCache
from fasteval.cache.value import decode_value, encode_value

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORDS = ("yes", "no", "red", "blue", "a", "the", "left of", "because", "question", "shows", "image", "therefore")


def _key(number: int) -> bytes:
    return xxhash.xxh3_128_digest(number.to_bytes(8, "little"))


def entries(start: int, stop: int) -> Iterator[tuple[bytes, Response]]:
    """Yields keys and answers: short ones, and one in ten of some length."""
    for number in range(start, stop):
        key = _key(number)
        text = " ".join(_WORDS[byte % len(_WORDS)] for byte in key[: 1 + key[0] % 4]) * (30 if number % 10 == 0 else 1)
        yield key, Response((text,), prompt_tokens=300, output_tokens=len(text) // 4, finish_reason="stop")


def _keys(count: int) -> list[bytes]:
    """Returns the keys of the first `count` entries in a random order."""
    keys = [_key(number) for number in range(count)]
    random.Random(0).shuffle(keys)
    return keys


class Ours:
    """The response cache."""

    name = "fasteval"

    def __init__(self, folder: Path) -> None:
        """Opens it."""
        self._cache = ResponseCache.open(folder / "fasteval")

    def read_all(self, keys: list[bytes]) -> int:
        """Returns how many of `keys` are there, each decoded."""
        rows = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 16)
        assert self._cache.contains(rows).all()  # noqa: S101 - as a run's plan does
        return sum(response is not None for response in self._cache.get_many(rows))

    def append(self, key: bytes, response: Response) -> None:
        """Keeps one answer."""
        self._cache.append(key, response)

    def fill(self, count: int) -> None:
        """Keeps the first `count` entries."""
        for key, response in entries(0, count):
            self._cache.append(key, response)

    def close(self) -> None:
        """Closes it."""
        self._cache.close()


class Sqlite:
    """One table of keys and JSON values."""

    name = "SQLite"

    def __init__(self, folder: Path) -> None:
        """Opens it."""
        self._connection = sqlite3.connect(folder / "plain.sqlite", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS cache (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")

    def read_all(self, keys: list[bytes]) -> int:
        """Returns how many of `keys` are there, each decoded."""
        execute = self._connection.execute
        rows = (execute("SELECT value FROM cache WHERE key = ?", (key,)).fetchone() for key in keys)
        return sum(row is not None and decode_value(row[0]) is not None for row in rows)

    def append(self, key: bytes, response: Response) -> None:
        """Keeps one answer."""
        self._connection.execute("INSERT OR REPLACE INTO cache VALUES (?, ?)", (key, encode_value(response, 0)))

    def fill(self, count: int) -> None:
        """Keeps the first `count` entries."""
        self._connection.execute("BEGIN")
        rows = ((key, encode_value(response, 0)) for key, response in entries(0, count))
        self._connection.executemany("INSERT INTO cache VALUES (?, ?)", rows)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Closes it."""
        self._connection.close()


class SqliteDictionary:
    """SqliteDict as caches of evaluation harnesses use it."""

    name = "SqliteDict"

    def __init__(self, folder: Path) -> None:
        """Opens it."""
        from sqlitedict import SqliteDict

        self._dict = SqliteDict(
            str(folder / "dict.sqlite"),
            journal_mode="WAL",
            encode=lambda response: encode_value(response, 0),
            decode=decode_value,
        )

    def read_all(self, keys: list[bytes]) -> int:
        """Returns how many of `keys` are there, each decoded."""
        return sum(self._dict[key.hex()] is not None for key in keys)

    def append(self, key: bytes, response: Response) -> None:
        """Keeps one answer."""
        self._dict[key.hex()] = response
        self._dict.commit()

    def fill(self, count: int) -> None:
        """Keeps the first `count` entries."""
        self._dict.update((key.hex(), response) for key, response in entries(0, count))
        self._dict.commit()

    def close(self) -> None:
        """Closes it."""
        self._dict.close()


_STORES: dict[str, Any] = {store.name: store for store in (Ours, Sqlite, SqliteDictionary)}


def run_step(name: str, step: str, folder: Path, count: int, appends: int) -> dict[str, float]:
    """Returns what one step in this process took: seconds by name, and the memory that opening cost."""
    store_type = _STORES[name]
    if step == "fill":
        with closing(store_type(folder)) as store:
            store.fill(count)
        return {}
    keys = _keys(count) if step == "read" else []
    fresh = list(entries(count, count + appends)) if step == "append" else []
    memory = _peak_memory()
    started = time.perf_counter()
    with closing(store_type(folder)) as store:
        figures = {"open": time.perf_counter() - started, "open_mib": (_peak_memory() - memory) / 2**20}
        started = time.perf_counter()
        if step == "read":
            if store.read_all(keys) != count:
                raise click.ClickException(f"{name} has lost answers")
            figures["read"] = time.perf_counter() - started
        for key, response in fresh:
            store.append(key, response)
        if step == "append":
            figures["append"] = time.perf_counter() - started
    return figures


def _peak_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _child(name: str, step: str, folder: Path, count: int, appends: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.cache_store", "--child", name, step, str(folder)]
    command += ["--entries", str(count), "--appends", str(appends)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return figures


@click.command()
@click.option("--entries", "count", default=1_000_000, show_default=True, help="Answers that are there.")
@click.option("--appends", default=100_000, show_default=True, help="Answers that are added.")
@click.option("--rounds", default=3, show_default=True, help="How often each step is run; the median is reported.")
@click.option("--child", nargs=3, hidden=True, help="Run one step in this process.")
def main(count: int, appends: int, rounds: int, child: tuple[str, str, str] | None) -> None:
    """Compares the response cache with SQLite and SqliteDict."""
    if child is not None:
        click.echo(orjson.dumps(run_step(child[0], child[1], Path(child[2]), count, appends)).decode())
        return
    figures: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in _STORES}
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        for name in _STORES:
            _child(name, "fill", folder, count, appends)
        for _ in range(rounds):
            for path in (folder / "fasteval").glob("*.index"):
                path.unlink()
            first = _child("fasteval", "open", folder, count, appends)["open"]
            figures["fasteval"]["first"].append(first)
            for step in ("open", "read", "append"):
                for name in _STORES:
                    for figure, value in _child(name, step, folder, count, appends).items():
                        if step == "open" or not figure.startswith("open"):
                            figures[name][figure].append(value)
    _report(figures, count, appends)


def _report(figures: dict[str, dict[str, list[float]]], count: int, appends: int) -> None:
    medians = {name: {key: statistics.median(values) for key, values in of.items()} for name, of in figures.items()}
    click.echo(f"{count:,} entries, {appends:,} appended; medians\n")
    click.echo("| | open, s | memory, MiB | look all up, s | open and look all up, s | append, µs an entry |")
    click.echo("|---|---|---|---|---|---|")
    for name, of in medians.items():
        append = of["append"] / appends * 1e6
        click.echo(
            f"| {name} | {of['open']:.3f} | {of['open_mib']:.0f} | {of['read']:.2f} | {of['open'] + of['read']:.2f} "
            f"| {append:.1f} |"
        )
    click.echo(f"\nfasteval's first open, without an index: {medians['fasteval']['first']:.2f} s")


if __name__ == "__main__":
    main()
