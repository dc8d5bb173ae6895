"""The report: one HTML file that shows a run's scores, where its time went, and every sample with its image.

It is made of the run's own files, so that a report can be had of any run; images come from whoever has the documents.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import xxhash

import fasteval
from fasteval.results.encoding import to_json
from fasteval.results.files import complete_file, output_errors
from fasteval.results.html import PageParts, compressed_data, json_data, parts_digest, render_page
from fasteval.results.saved import saved_form

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fasteval.results.model import Results
    from fasteval.results.report.album import MediaOf
    from fasteval.results.saved import SavedRun

__all__ = ["Report", "report_path", "save_report", "write_report"]

_FOLDER = Path(__file__).parent
_PARTS = PageParts(
    template=_FOLDER / "report.html",
    styles=(_FOLDER / "report.css",),
    scripts=(_FOLDER / "filters.js", _FOLDER / "sample.js", _FOLDER / "report.js"),
)
_DIGEST = re.compile(rb'<meta name="fasteval-report" content="([0-9a-f]{32})">')
# What a run shrinks at its end: some seconds to a minute of work. The command takes all.
_MAX_PICTURES = 4000
# The digest stands near the page's beginning, so that it is found without reading pictures.
_HEAD_BYTES = 4096


class Report(NamedTuple):
    """A report on disk.

    Attributes:
        path: the file.
        is_new: whether it was written now; else it was there, and says what would have been written.
    """

    path: Path
    is_new: bool


def report_path(results_path: Path) -> Path:
    """Returns where the report of a results file belongs: `…_report.html` beside `…_results.json`."""
    return results_path.with_name(f"{results_path.stem.removesuffix('_results')}_report.html")


def save_report(results: Results, paths: Sequence[Path], *, log_samples: bool = True) -> Report:
    """Writes the report of a run beside its results file.

    A run that found every answer in the cache, and came to the very samples and scores of a report in the same folder,
    gets that one, or the one that was kept for runs into other folders: it says where the time went when the answers
    were computed. That costs reading the samples once.

    Args:
        results: the run.
        paths: the run's files, the results file first: what `Results.save` returned.
        log_samples: show the samples too.

    Raises:
        OutputError: it cannot be written.
    """
    path = report_path(paths[0])
    files = [task.samples_file for task in results.tasks.values() if task.samples_file is not None]
    kept = files[0].with_name("report.html") if files else None
    digest = _digest(results.to_dict(), (samples.read_bytes() for samples in paths[1:]))
    if not results.statistics.sent:
        for earlier in sorted(path.parent.glob("*_report.html"), reverse=True):
            if _digest_of(earlier) == digest:
                return Report(earlier, False)
        if kept is not None and _digest_of(kept) == digest:
            _copy(kept, path)
            return Report(path, True)
    run = replace(saved_form(results), path=str(paths[0]))
    if not log_samples:
        run = replace(run, tasks={name: replace(task, samples=[]) for name, task in run.tasks.items()})
    write_report(run, path, results.media, max_pictures=_MAX_PICTURES, digest=digest)
    if kept is not None and os.access(kept.parent, os.W_OK):
        _copy(path, kept)
    return Report(path, True)


def write_report(
    run: SavedRun,
    path: Path,
    media: Mapping[str, MediaOf],
    *,
    missing: str = "",
    max_pictures: int | None = None,
    digest: str | None = None,
) -> None:
    """Writes the report of a run to `path`.

    Args:
        run: the run.
        path: the HTML file.
        media: by task what gives a document's media.
        missing: why tasks have no media, where they have none.
        max_pictures: how many pictures are taken at most; None takes all.
        digest: what tells reports of different content apart; None computes it.

    Raises:
        OutputError: it cannot be written.
    """
    # Only now: a run whose report is there already needs none of it.
    from fasteval.results.report.contents import report_contents

    context, tasks, rows, pictures = report_contents(run, media, missing, max_pictures)
    lines = (to_json(sample) + b"\n" for task in run.tasks.values() for sample in task.samples)
    page = render_page(
        _PARTS,
        context | {"digest": digest or _digest(run.facts, lines)},
        {"tasks": json_data(tasks), "rows": compressed_data(rows), "pictures": json_data(pictures)},
    )
    with output_errors(f"the report {path}"), complete_file(path) as file:
        file.write(page)


def _copy(source: Path, target: Path) -> None:
    with output_errors(f"the report {target}"), source.open("rb") as page, complete_file(target) as file:
        shutil.copyfileobj(page, file, 1 << 20)


def _digest(facts: Mapping[str, Any], samples: Iterable[bytes]) -> str:
    """Returns what is equal for reports that say the same but for dates and times, 32 hex digits."""
    names = ("results", "groups", "model_name", "model_fingerprint", "task_hashes")
    state = xxhash.xxh3_128(f"{fasteval.__version__} {parts_digest(_PARTS)}".encode())
    state.update(to_json({name: facts.get(name) for name in names}))
    for part in samples:
        state.update(part)
    return state.hexdigest()


def _digest_of(report: Path) -> str | None:
    """Returns the digest that a report was written with; None for other files, and where none can be read."""
    try:
        with report.open("rb") as file:
            match = _DIGEST.search(file.read(_HEAD_BYTES))
    except OSError:
        return None
    return match[1].decode() if match else None
