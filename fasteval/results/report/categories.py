"""Categories: columns of the documents with few different values, and the score of each value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from fasteval.results.report.documents import Status
from fasteval.results.report.scores import interval_of_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fasteval.results.report.documents import Document
    from fasteval.results.report.scores import Interval

__all__ = ["Category", "CategoryField", "category_fields", "category_value"]

_MAX_VALUES = 60
_MAX_FIELDS = 8
_MAX_LENGTH = 80
# Columns of these names (or ending in them) are what people sort benchmarks by: they come first.
_USUAL = ("category", "kind", "type", "subject", "topic", "domain", "task", "field", "skill", "difficulty", "level")


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
    docs = [_doc(document) for document in documents]
    fields: dict[str, dict[str, list[int]]] = {}
    for name in {key: None for doc in docs for key in doc}:
        members = _members(docs, name)
        if members is not None:
            fields[name] = members
    ordered = sorted(fields, key=lambda name: (_rank(name), len(fields[name])))[:_MAX_FIELDS]
    return [_field(name, fields[name], documents, cluster_key) for name in ordered]


def category_value(value: Any) -> str | None:
    """Returns what names a category; None for values that cannot be one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | str) and len(str(value)) <= _MAX_LENGTH:
        return str(value)
    return None


def _doc(document: Document) -> Mapping[str, Any]:
    doc = document.samples[0].get("doc")
    return doc if isinstance(doc, Mapping) else {}


def _members(docs: Sequence[Mapping[str, Any]], name: str) -> dict[str, list[int]] | None:
    """Returns the documents' positions by value, or None if the column makes no categories."""
    members: dict[str, list[int]] = defaultdict(list)
    count = 0
    for position, doc in enumerate(docs):
        if doc.get(name) is None:
            continue
        value = category_value(doc[name])
        if value is None:
            return None
        members[value].append(position)
        count += 1
        if len(members) > _MAX_VALUES:
            return None
    return dict(members) if 2 <= len(members) <= count / 2 else None


def _rank(name: str) -> int:
    lower = name.lower()
    return next((rank for rank, usual in enumerate(_USUAL) if lower.endswith(usual)), len(_USUAL))


def _field(
    name: str, members: Mapping[str, list[int]], documents: Sequence[Document], cluster_key: str | None
) -> CategoryField:
    categories = []
    for value, positions in members.items():
        own = [documents[position] for position in positions]
        scored = [document for document in own if document.score is not None and document.status is not Status.ERROR]
        values = [document.score for document in scored if document.score is not None]
        clusters = None if cluster_key is None else [str(_doc(document).get(cluster_key)) for document in scored]
        counts = dict.fromkeys((status.value for status in Status), 0)
        for document in own:
            counts[document.status.value] += 1
        mean = sum(values) / len(values) if values else None
        categories.append(Category(value, len(own), counts, mean, interval_of_mean(values, clusters)))
    return CategoryField(name, categories)
