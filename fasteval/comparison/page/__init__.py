"""The page of a comparison: its numbers, and the documents that flipped, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.comparison.documents import short_name
from fasteval.comparison.table import answer_text, explanations, table_rows
from fasteval.results.html import PageParts, compressed_data, json_data, render_page

if TYPE_CHECKING:
    from fasteval.comparison.model import Comparison, TaskComparison

__all__ = ["comparison_page"]

_FOLDER = Path(__file__).parent
_PARTS = PageParts(
    template=_FOLDER / "comparison.html",
    styles=(_FOLDER / "comparison.css",),
    scripts=(_FOLDER / "comparison.js",),
)


def comparison_page(comparison: Comparison) -> bytes:
    """Returns a self-contained HTML page, UTF-8: the table, and all flipped documents with both answers."""
    context = {
        "title": f"{comparison.base[0]} and {', '.join(name for name, _ in comparison.candidates)}",
        "base": comparison.base,
        "candidates": comparison.candidates,
        "forced": comparison.forced,
        "rows": list(table_rows(comparison)),
        "explanations": list(explanations(comparison)),
        "flips": sum(len(task.flips) for task in comparison.tasks),
    }
    flips = [flip for number, task in enumerate(comparison.tasks) for flip in _flips(number, task)]
    tasks = [_task(comparison, task) for task in comparison.tasks]
    return render_page(_PARTS, context, {"task-data": json_data(tasks), "flip-data": compressed_data(flips)})


def _task(comparison: Comparison, task: TaskComparison) -> dict[str, Any]:
    suffix = f" [{task.candidate + 1}]" if len(comparison.candidates) > 1 else ""
    return {
        "name": f"{task.task}{suffix}",
        "metric": short_name(task.main.name),
        "higher": task.main.higher_is_better,
        "column": task.category_column,
        "candidate": comparison.candidates[task.candidate][0],
        "base": comparison.base[0],
    }


def _flips(number: int, task: TaskComparison) -> list[dict[str, Any]]:
    return [
        {
            "task": number,
            "id": flip.doc_id,
            "category": flip.category,
            "scores": [flip.base, flip.candidate],
            "answers": [answer_text(flip.base_answer), answer_text(flip.candidate_answer)],
            "target": flip.target,
            "prompt": flip.prompt,
        }
        for flip in task.flips
    ]
