"""Kept reports: the results of a complete run in a folder of the cache, for a later run that would say the same."""

from __future__ import annotations

import itertools
import operator
import shutil
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from fasteval.results.encoding import json_lines, to_json
from fasteval.results.files import complete_file
from fasteval.results.model import GroupResult, Results, TaskResult
from fasteval.results.sample import Sample, ScoredDocument

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["KeptDocuments", "KeptReport", "keep_report", "read_report"]

_REPORT = "report.json"
# The documents' lines stand in files of their own, and media cannot be kept.
_NOT_KEPT = frozenset({"documents", "samples_file", "media"})
_STATISTICS = ("requests", "unique_requests", "truncated")


class KeptDocuments(Sequence[ScoredDocument]):
    """The scored documents of a samples file, read when somebody looks at one."""

    def __init__(self, path: Path, count: int, cluster_key: str) -> None:
        """Takes the file, the number of its documents, and the column that names their clusters (or "")."""
        self._path, self._count, self._cluster_key = path, count, cluster_key
        self._documents: list[ScoredDocument] | None = None

    def __len__(self) -> int:
        """The number of documents."""
        return self._count

    def __getitem__(self, index: Any) -> Any:
        """Returns one document, or a list of them for a slice."""
        if self._documents is None:
            with self._path.open("rb") as file:
                samples = [Sample.from_dict(orjson.loads(line)) for line in file]
            by_document = itertools.groupby(samples, operator.attrgetter("doc_id"))
            self._documents = [self._document(list(own)) for _, own in by_document]
        return self._documents[index]

    def _document(self, samples: list[Sample]) -> ScoredDocument:
        error = next((sample.error for sample in samples if sample.error is not None), None)
        values = {} if error else {sample.filter: dict(sample.metrics) for sample in samples}
        cluster = samples[0].doc.get(self._cluster_key) if self._cluster_key else None
        return ScoredDocument(samples[0].doc_id, values, samples, cluster, error)


class KeptReport(NamedTuple):
    """What an earlier run found out.

    Attributes:
        tasks: results by task name.
        groups: results by group name.
        manifest: what it was made of.
        counts: how many requests it had, how many different ones, and how many answers were truncated.
    """

    tasks: dict[str, TaskResult]
    groups: dict[str, GroupResult]
    manifest: dict[str, Any]
    counts: dict[str, int]


def keep_report(folder: Path, results: Results) -> Results:
    """Keeps what a run found out in `folder`, whole or not at all; returns the results with their samples in files.

    A report that JSON would change (a metric that is no number) is not kept, and the results come back as they are.
    """
    facts = {
        "tasks": [_values(task) for task in results.tasks.values()],
        "groups": [_values(group) for group in results.groups.values()],
        "manifest": dict(results.manifest),
        "statistics": {name: getattr(results.statistics, name) for name in _STATISTICS},
    }
    text = to_json(facts)
    known = orjson.loads(text)
    if not _survives(facts, known):
        return results
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tasks = {}
    for number, (name, task) in enumerate(results.tasks.items()):
        path = folder / f"samples_{number}.jsonl"
        with complete_file(path) as file:
            file.writelines(json_lines(sample.to_dict() for sample in task.samples))
        tasks[name] = replace(task, samples_file=path)
    with complete_file(folder / _REPORT) as file:
        file.write(text)
    return replace(results, tasks=tasks)


def _values(result: TaskResult | GroupResult) -> dict[str, Any]:
    names = (field.name for field in fields(result) if field.name not in _NOT_KEPT)
    return {name: getattr(result, name) for name in names}


def _survives(facts: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether the values of all metrics come back from JSON as they are."""
    return all(
        dict(ours[name]) == theirs[name]
        for kind in ("tasks", "groups")
        for ours, theirs in zip(facts[kind], known[kind], strict=True)
        for name in ("metrics", "stderrs")
    )


def read_report(folder: Path) -> KeptReport | None:
    """Returns the report in `folder`, its documents still on disk; None if there is none."""
    try:
        facts = orjson.loads((folder / _REPORT).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    tasks = {}
    for number, entry in enumerate(facts["tasks"]):
        path = folder / f"samples_{number}.jsonl"
        if not path.is_file():
            return None
        documents = KeptDocuments(path, entry["n_effective"], str(entry["config"].get("cluster_key") or ""))
        tasks[entry["name"]] = TaskResult(**entry, documents=documents, samples_file=path)
    groups = {entry["name"]: GroupResult(**{**entry, "members": tuple(entry["members"])}) for entry in facts["groups"]}
    return KeptReport(tasks, groups, facts["manifest"], facts["statistics"])
