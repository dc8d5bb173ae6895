"""Samples as lmms-eval 0.7.3 writes them (lmms_eval/loggers/evaluation_tracker.py): its `--baseline` reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasteval.results.encoding import as_texts, document_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fasteval.results.model import TaskResult
    from fasteval.results.sample import Sample

__all__ = ["sample_to_dict"]


def sample_to_dict(sample: Sample, _task: TaskResult) -> dict[str, Any]:
    """Returns one line: without document and arguments, answers as texts, metric values at the top level.

    A list of one answer is that answer, and the raw answers are left out where filtering changed nothing. A document
    that has no score, which lmms-eval does not know, has the reason in `error`.
    """
    raw, filtered = _unwrapped(as_texts(sample.resps)), _unwrapped(as_texts(sample.filtered_resps))
    line: dict[str, Any] = {
        "doc_id": sample.doc_id,
        "target": str(sample.target),
        "filtered_resps": filtered,
        "token_counts": [{"output_tokens": sample.output_tokens}],
        "doc_hash": document_hash(sample.doc),
        "input": sample.context,
    }
    if raw != filtered:
        line["resps"] = raw
    if sample.error is not None:
        line["error"] = sample.error
    return line | {name: value for name, value in sample.metrics.items() if name not in line}


def _unwrapped(answers: Sequence[Any]) -> Any:
    return answers[0] if len(answers) == 1 else answers
