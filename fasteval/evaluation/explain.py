"""What the keys of a run's answers are made of, in words; and why two runs do not share an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fasteval.cache import ResponseCache
from fasteval.errors import UsageError
from fasteval.evaluation.reproduce import differences
from fasteval.results.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fasteval.results.saved import SavedRun

__all__ = ["explain_difference", "explain_document", "explain_run"]

# Of a task's entry in the manifest only these are part of keys; settings, code and data count by what they make of the
# requests.
_OF_KEYS = ("requests", "sampling")


def explain_run(run: SavedRun) -> Iterator[str]:
    """Yields the parts of the keys of a run's answers, one a line."""
    for name, value in _flat("", _key_parts(run)):
        yield f"{name}: {printable(str(value), 200)}"


def explain_difference(one: SavedRun, other: SavedRun) -> Iterator[str]:
    """Yields the parts of keys that two runs do not share; or that they share all of them."""
    found = list(differences("", _key_parts(one), _key_parts(other)))
    parts = [difference for difference in found if difference.part != "model.fingerprint"]
    yield from (difference.describe() for difference in parts)
    if not found:
        yield "the two runs share every part of their keys: each finds the other's answers"
    elif not parts:
        yield "the models' fingerprints differ, while their parts do not: the form of fingerprints has changed"


def explain_document(
    run: SavedRun, other: SavedRun | None, task: str, doc_id: int, cache_folder: Path
) -> Iterator[str]:
    """Yields the keys of a document's requests, and what the cache has of them; with `other`, whether they are its too.

    Raises:
        UsageError: there is no such sample, or it does not name its keys.
    """
    keys = _keys(run, task, doc_id)
    there = _contained(keys, cache_folder)
    theirs = None if other is None else _keys(other, task, doc_id)
    for number, key in enumerate(keys):
        line = f"request {number}: key {key}: " + ("in the cache" if there[number] else "not in the cache")
        if theirs is not None:
            is_same = number < len(theirs) and theirs[number] == key
            line += "; the same in both runs" if is_same else "; another one in the other run"
        yield line
    if other is not None and theirs != keys:
        yield from explain_difference(run, other)


def _key_parts(run: SavedRun) -> dict[str, Any]:
    manifest = run.facts.get("manifest")
    if not isinstance(manifest, dict):
        raise UsageError(f"{run.path}: there is no manifest in this file: it does not say what its keys are made of")
    tasks = {name: {part: entry[part] for part in _OF_KEYS} for name, entry in manifest["tasks"].items()}
    sampled = any(options["temperature"] > 0 for entry in tasks.values() for options in entry["sampling"])
    seeds = {"seeds": {"run": manifest["seeds"]["run"]}} if sampled else {}
    model = {name: manifest["model"][name] for name in ("fingerprint", "parts")}
    return {"model": model, "tasks": tasks, **seeds}


def _keys(run: SavedRun, task: str, doc_id: int) -> list[str]:
    samples = run.tasks[task].samples if task in run.tasks else []
    for sample in samples:
        if sample["doc_id"] == doc_id and sample.get("request_keys"):
            return list(sample["request_keys"])
    raise UsageError(f"{run.path}: no sample of {task}, document {doc_id}, names the keys of its requests")


def _contained(keys: list[str], folder: Path) -> list[bool]:
    if not folder.is_dir():
        return [False] * len(keys)
    with ResponseCache.open(folder) as cache:
        found: list[bool] = cache.contains(
            np.frombuffer(bytes.fromhex("".join(keys)), np.uint8).reshape(-1, 16)
        ).tolist()
    return found


def _flat(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, entry in value.items():
            yield from _flat(f"{place}.{name}" if place else name, entry)
    else:
        yield place, value
