"""What commands print: nothing in a text of a model or a data set can steer the terminal, and no secret is shown."""

from __future__ import annotations

import sys

import click

__all__ = ["complain", "say", "say_json"]


def say(text: str) -> None:
    """Prints lines on standard output."""
    from fasteval.results.printable import printable_lines
    from fasteval.results.redaction import without_secrets

    click.echo(printable_lines(without_secrets(text)))


def say_json(encoded: bytes) -> None:
    """Prints JSON on standard output: values as they are, whatever characters they hold."""
    from fasteval.results.printable import printable_json
    from fasteval.results.redaction import without_secrets

    click.echo(printable_json(without_secrets(encoded).decode()))


def complain(text: str, *, keep_lines: bool = False) -> None:
    """Prints one line on standard error, after the program's name; with `keep_lines`, a log message's lines."""
    from fasteval.results.printable import printable, printable_lines
    from fasteval.results.redaction import redact

    shown = redact(f"fasteval: {text}")
    print(printable_lines(shown) if keep_lines else printable(shown), file=sys.stderr)
