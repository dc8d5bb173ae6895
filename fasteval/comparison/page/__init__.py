"""The page of a comparison: its numbers, and the documents that flipped, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.comparison.documents import short_name
from fasteval.comparison.table import COLUMNS, answer_text, explanations, table_rows
from fasteval.results.html import PageParts, compressed_data, json_data, render_page
from fasteval.results.report.album import Album

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fasteval.comparison.model import Comparison, TaskComparison
    from fasteval.results.report.album import MediaOf

__all__ = ["comparison_page"]

_MAX_REASONS = 12
_FOLDER = Path(__file__).parent
_PARTS = PageParts(
    template=_FOLDER / "comparison.html",
    styles=(_FOLDER / "comparison.css",),
    scripts=(_FOLDER / "comparison.js",),
)


def comparison_page(comparison: Comparison, media: Mapping[str, MediaOf] | None = None, missing: str = "") -> bytes:
    """Returns a self-contained HTML page, UTF-8: the table, and all flipped documents with both answers.

    Args:
        comparison: what it shows.
        media: by task what gives a document's media.
        missing: why tasks have no media, where they have none.
    """
    flips, album = _flips(comparison, media or {})
    context = {
        "title": f"{comparison.base[0]} and {', '.join(name for name, _ in comparison.candidates)}",
        "base": comparison.base,
        "candidates": comparison.candidates,
        "forced": comparison.forced,
        "columns": ("Task", "Documents", *COLUMNS[2:]),
        "rows": list(table_rows(comparison)),
        "explanations": list(explanations(comparison)),
        "flips": len(flips),
        "missing_media": missing,
        "picture_problems": album.problems.most_common(_MAX_REASONS),
    }
    tasks = [_task(comparison, task) for task in comparison.tasks]
    data = {"task-data": json_data(tasks), "flip-data": compressed_data(flips), "pictures": json_data(album.encoded())}
    return render_page(_PARTS, context, data)


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


def _flips(comparison: Comparison, media: Mapping[str, MediaOf]) -> tuple[list[dict[str, Any]], Album]:
    """Returns the documents whose score differs, and their pictures: those of a document once for all candidates."""
    documents = dict.fromkeys((task.task, flip.doc_id) for task in comparison.tasks for flip in task.flips)
    album = Album(len(documents))
    pictures = {(name, doc_id): album.add(doc_id, media[name]) for name, doc_id in documents if name in media}
    flips = [
        {
            "task": number,
            "id": flip.doc_id,
            "category": flip.category,
            "scores": [flip.base, flip.candidate],
            "answers": [answer_text(flip.base_answer), answer_text(flip.candidate_answer)],
            "target": flip.target,
            "prompt": flip.prompt,
            "pictures": pictures.get((task.task, flip.doc_id), []),
        }
        for number, task in enumerate(comparison.tasks)
        for flip in task.flips
    ]
    return flips, album
