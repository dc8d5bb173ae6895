"""`RunDocument`: one document of a saved run, whichever program wrote it; of two runs they become pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fasteval.errors import UnknownNameError
from fasteval.results.saved import value_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fasteval.results.saved import SavedTask

    #: One document in both runs.
    Pair = tuple["RunDocument", "RunDocument"]

__all__ = ["Pair", "Pairs", "RunDocument", "category_column", "cluster_codes", "documents_of", "pair_documents"]
__all__ += ["plain_prompt", "short_name"]

#: What samples hold beside metrics. lmms-eval's name none of their metrics, so that these must be known.
_NO_METRICS = frozenset(
    {"doc_id", "doc", "target", "prompt", "input", "arguments", "resps", "filtered_resps", "filter", "metrics", "error"}
    | {"finish_reason", "prompt_tokens", "output_tokens", "token_counts", "input_media", "raw_filtered_resps"}
    | {"doc_hash", "prompt_hash", "target_hash", "continuations", "logprobs", "is_greedy"}
)  # fmt: skip


#: Columns that people sort benchmarks by; the first that is there makes the categories.
_USUAL = ("category", "kind", "type", "question_type", "subject", "topic", "domain", "task", "data_type", "difficulty")
_MAX_CATEGORIES = 60


@dataclass(slots=True)
class RunDocument:
    """One document of a run, under all filters.

    Attributes:
        doc_id: its number in its split.
        content: digest of its content; None where the file has none that means anything.
        prompt: its prompt without template and media.
        exact_prompt: the text that the model was shown; None where the file does not say.
        target: the right answer, as text.
        values: its numbers by "metric,filter".
        answers: its filtered answers by filter.
        columns: its columns without media; empty where the file has none.
        error: why it has no score.
        is_truncated: whether its answer ended because of the length limit; None where the file does not say.
        samples: how many lines of the samples file it has.
    """

    doc_id: int
    content: str | None = None
    prompt: str = ""
    exact_prompt: Any = None
    target: str = ""
    values: dict[str, float] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    is_truncated: bool | None = None
    samples: int = 0


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


def documents_of(task: SavedTask) -> dict[int, RunDocument]:
    """Returns the documents of a task by number.

    Where a file names no filters (lmms-eval's), the samples of a document are taken to be in the filters' order.
    """
    filters = list(dict.fromkeys(key.partition(",")[2] for key in task.metric_keys)) or ["none"]
    documents: dict[int, RunDocument] = {}
    for sample in task.samples:
        document = documents.get(sample["doc_id"])
        if document is None:
            document = documents[sample["doc_id"]] = _document(sample)
        place = min(document.samples, len(filters) - 1)
        _add(document, sample, str(sample.get("filter") or filters[place]), task)
    if len({document.content for document in documents.values()}) == 1 and len(documents) > 1:
        for document in documents.values():
            document.content = None  # lmms-eval hashes nothing: every document has the same digest
    return documents


def short_name(key: str) -> str:
    """Returns a "metric,filter" name without the filter that stands for none."""
    return key.removesuffix(",none")


def _document(sample: Mapping[str, Any]) -> RunDocument:
    columns = sample.get("doc")
    finish = sample.get("finish_reason")
    return RunDocument(
        doc_id=sample["doc_id"],
        content=sample.get("doc_hash"),
        prompt=plain_prompt(sample),
        exact_prompt=sample.get("prompt"),
        target=str(sample.get("target")),
        columns=columns if isinstance(columns, Mapping) else {},
        is_truncated=finish == "length" if "finish_reason" in sample else None,
    )


def plain_prompt(sample: Mapping[str, Any]) -> str:
    """Returns the prompt without template: `input`, or the first argument of lm-eval's first request."""
    if "input" in sample:
        return str(sample["input"])
    arguments = sample.get("arguments")
    if isinstance(arguments, Mapping):
        first: Any = next(iter(arguments.values()), {})
        return str(first.get("arg_0", "")) if isinstance(first, Mapping) else str(first)
    return ""


def _add(document: RunDocument, sample: Mapping[str, Any], filter_name: str, task: SavedTask) -> None:
    """Adds what the sample says under its filter."""
    document.samples += 1
    if sample.get("error") is not None:
        document.error = str(sample["error"])
    document.answers[filter_name] = sample.get("filtered_resps")
    for metric in sample.get("metrics") or [name for name in sample if name not in _NO_METRICS]:
        number = task.number(value_of(sample, metric))
        if number is not None:
            document.values[f"{metric},{filter_name}"] = number


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
