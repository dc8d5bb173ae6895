"""What a report says, put together from a run's files."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from fasteval.results.report import facts as about
from fasteval.results.report.album import Album
from fasteval.results.report.categories import category_fields
from fasteval.results.report.documents import document_row, documents_of, rank, select_documents
from fasteval.results.report.scores import format_number, score_tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fasteval.results.report.album import MediaOf
    from fasteval.results.report.categories import CategoryField
    from fasteval.results.report.documents import Document, MainMetric
    from fasteval.results.saved import SavedRun

__all__ = ["MAX_DOCUMENTS", "Contents", "report_contents"]

#: Documents that one page holds at most.
MAX_DOCUMENTS = 20_000
_MAX_REASONS = 12


class Contents(NamedTuple):
    """The parts of a report: what the template shows, and what the page's scripts read.

    Attributes:
        context: the template's variables.
        tasks: one entry a task.
        rows: one entry a document.
        pictures: WebP in base64, by number.
    """

    context: dict[str, Any]
    tasks: list[dict[str, Any]]
    rows: list[dict[str, Any]]
    pictures: list[str]


class _Task(NamedTuple):
    """One task's documents, and what follows from them.

    Attributes:
        number: its number in the page.
        name: its name.
        documents: all of them.
        metric: the metric that says which are right; None if none does.
        fields: by what they fall into categories.
    """

    number: int
    name: str
    documents: list[Document]
    metric: MainMetric | None
    fields: list[CategoryField]


def report_contents(
    run: SavedRun, media: Mapping[str, MediaOf], missing: str = "", max_pictures: int | None = None
) -> Contents:
    """Returns what the report of a run says; the arguments are those of `write_report`."""
    tasks = list(_tasks(run))
    total = sum(len(task.documents) for task in tasks)
    most = max(total, MAX_DOCUMENTS)
    selected = [
        (task, document)
        for task in tasks
        for document in select_documents(task.documents, len(task.documents) * MAX_DOCUMENTS // most)
    ]
    album = Album(len(selected), most=max_pictures)
    pictures: dict[tuple[int, int], list[int]] = {}
    # Where there is no room for every picture, those of the documents that somebody will look at come first.
    for task, document in sorted(selected, key=lambda entry: rank(entry[1])):
        if task.name in media:
            pictures[task.number, document.doc_id] = album.add(document.doc_id, media[task.name])
    rows = [
        document_row(document, task.number, task.metric, pictures.get((task.number, document.doc_id), ()))
        for task, document in selected
    ]
    context = _context(run, tasks) | {
        "n_kept": len(rows),
        "n_documents": total,
        "picture_problems": album.problems.most_common(_MAX_REASONS),
        "missing_media": missing,
    }
    entries = [
        {"name": task.name, "metric": task.metric and task.metric.name, "fields": [field.name for field in task.fields]}
        for task in tasks
    ]
    return Contents(context, entries, rows, album.encoded())


def _tasks(run: SavedRun) -> Iterator[_Task]:
    for number, (name, saved) in enumerate(run.tasks.items()):
        documents, metric = documents_of(saved)
        yield _Task(number, name, documents, metric, category_fields(documents, saved.cluster_key))


def _context(run: SavedRun, tasks: Sequence[_Task]) -> dict[str, Any]:
    facts = run.facts
    throughput = facts.get("throughput") or {}
    stages = about.stages_of(throughput)
    model = about.model_title(run)
    return {
        "title": f"{model}: {', '.join(run.tasks)}"[:200],
        "model": model,
        "names": list(run.tasks),
        "date": about.date(facts.get("start_time")),
        "is_complete": facts.get("is_complete", True),
        "tiles": about.tiles(run, [document for task in tasks for document in task.documents]),
        "tables": score_tables(run),
        "tasks": tasks,
        "wall": about.format_seconds(throughput.get("wall_seconds") or 0.0),
        "stages": stages,
        "bottleneck": about.bottleneck(stages),
        "workers": about.workers_of(throughput),
        "counters": about.counters(facts),
        "truncated": [(task.number, task.name, sum(one.is_truncated for one in task.documents)) for task in tasks],
        "errors": list(_failures(tasks)),
        "failures": [(name, line) for name, lines in (facts.get("failures") or {}).items() for line in lines],
        "facts": about.run_facts(run),
        "seconds": about.format_seconds,
        "number": format_number,
    }


def _failures(tasks: Sequence[_Task]) -> Iterator[tuple[int, str, int, list[tuple[str, int]]]]:
    """Yields number and name of each task with failed documents, how many these are, and the most frequent reasons."""
    for task in tasks:
        reasons = Counter(document.error for document in task.documents if document.error is not None)
        if reasons:
            shown = [(" ".join(reason.split())[:400], count) for reason, count in reasons.most_common(_MAX_REASONS)]
            yield task.number, task.name, reasons.total(), shown
