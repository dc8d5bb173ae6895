"""What commands print: progress, tables, JSON, and what is missing; no text of a model or a data set steers a terminal.

No secret is shown.
"""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from typing import TextIO

    from fasteval.results.model import Results
    from fasteval.results.progress import Progress
    from fasteval.results.report import Report

__all__ = ["EXIT_INCOMPLETE", "LEVELS", "Output", "complain", "say", "say_json", "set_verbosity"]
__all__ += ["take_output_flags", "write_file"]

LEVELS = ("debug", "info", "warning", "error", "critical")
#: Exit code of a run that ended, while some documents have no score.
EXIT_INCOMPLETE = 3
_MAX_REASONS = 5


def say(text: str) -> None:
    """Prints lines on standard output."""
    from fasteval.results.printable import printable_lines
    from fasteval.results.redaction import without_secrets

    click.echo(printable_lines(without_secrets(text)))


def say_json(value: Any, *, indent: bool = False) -> None:
    """Prints a value as JSON on standard output, whatever characters it holds; bytes are JSON already."""
    from fasteval.results.encoding import to_json
    from fasteval.results.printable import printable_json
    from fasteval.results.redaction import without_secrets

    encoded = without_secrets(value) if isinstance(value, bytes) else to_json(value, indent=indent)
    click.echo(printable_json(encoded.decode()))


def complain(text: str, *, keep_lines: bool = False) -> None:
    """Prints one line on standard error, after the program's name; with `keep_lines`, a log message's lines."""
    from fasteval.results.printable import printable, printable_lines
    from fasteval.results.redaction import redact

    shown = redact(f"fasteval: {text}")
    print(printable_lines(shown) if keep_lines else printable(shown), file=sys.stderr)


def write_file(path: str, content: bytes, mode: str = "wb") -> None:
    """Writes a file that a flag names, and the folders above it.

    Raises:
        OutputError: it cannot be written.
    """
    from fasteval.results.files import output_errors

    with output_errors(path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with Path(path).open(mode) as file:
            file.write(content)


class _StandardErrorHandler(logging.Handler):
    """Writes to whatever standard error is now, so that lines go above a progress bar and not into it."""

    def emit(self, record: logging.LogRecord) -> None:
        complain(self.format(record), keep_lines=True)


def set_verbosity(level: str) -> None:
    """Lets messages of fasteval's loggers through from `level` (one of `LEVELS`) on."""
    logger = logging.getLogger("fasteval")
    logger.setLevel(level.upper())
    if not any(isinstance(handler, _StandardErrorHandler) for handler in logger.handlers):
        logger.addHandler(_StandardErrorHandler())
        logger.propagate = False


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
