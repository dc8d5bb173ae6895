"""Documents of two runs become pairs, and columns of the documents become categories and clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fasteval.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from fasteval.comparison.documents import RunDocument

    #: One document in both runs.
    Pair = tuple[RunDocument, RunDocument]

__all__ = ["Pair", "Pairs", "category_column", "cluster_codes", "pair_documents"]

#: Columns that people sort benchmarks by; the first that is there makes the categories.
_USUAL = ("category", "kind", "type", "question_type", "subject", "topic", "domain", "task", "data_type", "difficulty")
_MAX_CATEGORIES = 60


class Pairs(NamedTuple):
    """The documents of a task that two runs share.

    Attributes:
        both: pairs of documents that have a score in both runs, in document order.
        unpaired: documents that only the first, and only the second, has a score for.
        errors: documents without a score in the first and in the second.
    """

    both: list[Pair]
    unpaired: tuple[int, int]
    errors: tuple[int, int]


def pair_documents(base: Mapping[int, RunDocument], candidate: Mapping[int, RunDocument]) -> Pairs:
    """Returns the pairs of equal numbers; whether their contents are equal is asked elsewhere."""
    scored = [{n: doc for n, doc in documents.items() if doc.error is None} for documents in (base, candidate)]
    first, second = scored
    both = [(first[number], second[number]) for number in sorted(first.keys() & second.keys())]
    unpaired = (len(first) - len(both), len(second) - len(both))
    return Pairs(both, unpaired, (len(base) - len(first), len(candidate) - len(second)))


def category_column(documents: Sequence[RunDocument], wanted: str | None) -> str | None:
    """Returns the column that makes categories: the wanted one, or the first with a usual name; None without any.

    Raises:
        UnknownNameError: no document has the wanted column.
    """
    columns = list(dict.fromkeys(name for document in documents for name in document.columns))
    if wanted == "":
        return None
    if wanted is not None:
        if wanted not in columns:
            raise UnknownNameError("category column", wanted, columns, hint="no document has it")
        return wanted
    for name in _USUAL:
        if name in columns:
            values = {str(document.columns.get(name)) for document in documents}
            if 2 <= len(values) <= min(_MAX_CATEGORIES, len(documents) // 2):
                return name
    return None


def cluster_codes(documents: Sequence[RunDocument], column: str | None) -> NDArray[np.int64] | None:
    """Returns each document's cluster, numbered from 0, int64 (N,); None if no two documents share one.

    A document without a value is a cluster of its own.
    """
    if column is None:
        return None
    numbers: dict[Any, int] = {}
    keys = [
        ("alone", document.doc_id) if document.columns.get(column) is None else str(document.columns[column])
        for document in documents
    ]
    codes = np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)
    return codes if len(numbers) < len(documents) else None
