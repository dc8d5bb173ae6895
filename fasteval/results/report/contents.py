"""What a report says, put together from a run's files."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from fasteval.results.report import facts as about
from fasteval.results.report.album import Album
from fasteval.results.report.documents import Status, document_row, documents_of, rank, select_documents
from fasteval.results.report.scores import format_number, interval_of_mean, score_tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fasteval.results.report.album import MediaOf
    from fasteval.results.report.documents import Document, MainMetric
    from fasteval.results.report.scores import Interval
    from fasteval.results.saved import SavedRun

__all__ = ["MAX_DOCUMENTS", "Category", "CategoryField", "Contents", "category_fields", "category_value"]
__all__ += ["report_contents"]

#: Documents that one page holds at most.
MAX_DOCUMENTS = 20_000
_MAX_REASONS = 12
_MAX_VALUES = 60
_MAX_FIELDS = 8
_MAX_LENGTH = 80
# Columns of these names (or ending in them) are what people sort benchmarks by: they come first.
_USUAL = ("category", "kind", "type", "subject", "topic", "domain", "task", "field", "skill", "difficulty", "level")


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
    tasks = []
    for number, (name, saved) in enumerate(run.tasks.items()):
        documents, metric = documents_of(saved)
        tasks.append(_Task(number, name, documents, metric, category_fields(documents, saved.cluster_key)))
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


class Category(NamedTuple):
    """The documents of one value of a field.

    Attributes:
        value: the value.
        n: documents.
        counts: documents by status.
        mean: mean of the main metric; None if no document has it.
        interval: its 95 % interval, or None.
    """

    value: str
    n: int
    counts: dict[str, int]
    mean: float | None
    interval: Interval | None


class CategoryField(NamedTuple):
    """One column of a task's documents, by whose values they fall apart.

    Attributes:
        name: the column.
        categories: its values, in the order in which documents have them.
    """

    name: str
    categories: list[Category]


def category_fields(documents: Sequence[Document], cluster_key: str | None) -> list[CategoryField]:
    """Returns the fields by which a task's documents fall apart, those with usual names first.

    A field counts if it has between 2 and 60 short values, and on average at least two documents a value.
    """
    fields: dict[str, dict[str, list[Document]]] = {}
    for name in {key: None for document in documents for key in document.doc}:
        members = _members(documents, name)
        if members is not None:
            fields[name] = members
    ordered = sorted(fields, key=lambda name: (_rank(name), len(fields[name])))[:_MAX_FIELDS]
    return [
        CategoryField(name, [_category(value, own, cluster_key) for value, own in fields[name].items()])
        for name in ordered
    ]


def category_value(value: Any) -> str | None:
    """Returns what names a category; None for values that cannot be one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | str) and len(str(value)) <= _MAX_LENGTH:
        return str(value)
    return None


def _members(documents: Sequence[Document], name: str) -> dict[str, list[Document]] | None:
    """Returns the documents by value, or None if the column makes no categories."""
    members: dict[str, list[Document]] = defaultdict(list)
    for document in documents:
        if document.doc.get(name) is not None:
            value = category_value(document.doc[name])
            if value is None or len(members) > _MAX_VALUES:
                return None
            members[value].append(document)
    most = min(_MAX_VALUES, sum(map(len, members.values())) / 2)
    return dict(members) if 2 <= len(members) <= most else None


def _rank(name: str) -> int:
    lower = name.lower()
    return next((rank for rank, usual in enumerate(_USUAL) if lower.endswith(usual)), len(_USUAL))


def _category(value: str, documents: Sequence[Document], cluster_key: str | None) -> Category:
    counts = {status.value: 0 for status in Status} | Counter(document.status.value for document in documents)
    scored = [
        (document.score, str(document.doc.get(cluster_key or "")))
        for document in documents
        if document.score is not None and document.status is not Status.ERROR
    ]
    scores = [score for score, _ in scored]
    clusters = None if cluster_key is None else [cluster for _, cluster in scored]
    mean = sum(scores) / len(scores) if scores else None
    return Category(value, len(documents), counts, mean, interval_of_mean(scores, clusters))
