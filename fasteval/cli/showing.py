"""What a command shows of a run: progress, and the table for people or one JSON object for programs."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fasteval.cli.output import complain, say_json, set_verbosity

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

    from fasteval.results.model import Results
    from fasteval.results.progress import Progress
    from fasteval.results.report import Report

__all__ = ["EXIT_INCOMPLETE", "Output", "take_output_flags"]

#: Exit code of a run that ended, while some documents have no score.
EXIT_INCOMPLETE = 3
_MAX_REASONS = 5


@dataclass(frozen=True, slots=True)
class Output:
    """How much a command says, and where.

    Attributes:
        quiet: no progress and no notes: the results, warnings and errors only.
        as_json: standard output gets one JSON object, and standard error the table.
        stream: where the table goes; None is standard output.
    """

    quiet: bool = False
    as_json: bool = False
    stream: TextIO | None = None

    def progress(self) -> Progress:
        """Returns what shows how far the run is. The bars of `datasets` are for terminals, too."""
        from fasteval.results.progress import SilentProgress, choose_progress

        if self.quiet or not sys.stderr.isatty():
            for name in ("HF_DATASETS_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_PROGRESS_BARS"):
                os.environ.setdefault(name, "1")
        return SilentProgress() if self.quiet else choose_progress()

    def show(self, results: Results) -> None:
        """Prints the table, or the content of the results file as JSON."""
        from fasteval.results.table import print_results

        if not self.as_json:
            print_results(results, self.stream)
            return
        say_json(results.to_dict())
        if not self.quiet:
            print_results(results, sys.stderr)

    def show_end(self, results: Results, saved: list[Path], report: Report | None) -> None:
        """Says on standard error what was written, and what is missing from the numbers."""
        for path in () if self.quiet else saved:
            complain(f"saved {path}")
        if report is not None and not self.quiet:
            complain(f"{'saved' if report.is_new else 'unchanged:'} {report.path}")
        _warn_of_gaps(results)


def take_output_flags(flags: dict[str, Any]) -> Output:
    """Takes --quiet, --json and --verbosity out of `flags`, and sets what the log says."""
    quiet, verbosity = bool(flags.pop("quiet")), flags.pop("verbosity")
    set_verbosity("warning" if quiet and verbosity == "info" else verbosity)
    return Output(quiet=quiet, as_json=bool(flags.pop("as_json", False)))


def _warn_of_gaps(results: Results) -> None:
    """Says on standard error what is missing from the numbers."""
    from fasteval.results.printable import printable

    for name, task in results.tasks.items():
        for failure in task.failures:
            complain(f"warning: {name}: {printable(failure, 300)}")
    if results.errors:
        count = f"{results.errors} document" + ("s have" if results.errors > 1 else " has")
        complain(f"warning: {count} no score and no part in the metrics:")
    for number, (name, doc_id, reason) in enumerate(results.error_rows()):
        if number == _MAX_REASONS:
            complain("warning: … (the samples have all)")
            break
        complain(f"warning: {name}, document {doc_id}: {printable(reason, 300)}")
    differing = (results.manifest.get("determinism") or {}).get("differing")
    if differing:
        complain(
            f"warning: answers depend on the batch in spite of --deterministic: {printable(', '.join(differing), 300)}"
        )
    if results.interrupted:
        complain("warning: the run ended before its last request; the same command goes on from here")
