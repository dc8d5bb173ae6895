"""What commands print: nothing in a text of a model or a data set can steer the terminal, and no secret is shown."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import click

__all__ = ["LEVELS", "complain", "say", "say_json", "set_verbosity", "write_file"]

LEVELS = ("debug", "info", "warning", "error", "critical")


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
