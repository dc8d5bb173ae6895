"""A gate's report for people: lines for a terminal, Markdown for the summary of a job."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fasteval.gate.report import Outcome, Verdict
from fasteval.results.markdown import escaped, markdown_table
from fasteval.results.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from fasteval.gate.report import Check, GateReport

__all__ = ["gate_markdown", "print_gate"]

_SIGNS = {Verdict.GO: "✅", Verdict.NO_GO: "❌", Verdict.INCONCLUSIVE: "⚠️"}
_COLOURS = {Verdict.GO: "bold green", Verdict.NO_GO: "bold red", Verdict.INCONCLUSIVE: "bold yellow"}


def print_gate(report: GateReport, stream: TextIO | None = None) -> None:
    """Prints verdict and checks, in colour on a terminal."""
    from rich.console import Console
    from rich.text import Text

    stream = sys.stdout if stream is None else stream
    # Without a terminal nothing is wrapped: what reads the lines finds them whole.
    console = Console(file=stream, width=None if stream.isatty() else 10_000)
    console.print(Text(str(report.verdict), style=_COLOURS[report.verdict]))
    for line in _lines(report):
        console.print(Text(line))


def gate_markdown(report: GateReport) -> str:
    """Returns verdict and checks as Markdown."""
    heading = f"## {_SIGNS[report.verdict]} fasteval gate: {report.verdict}"
    rows = [(check.task, _level(check), check.name, str(check.outcome), check.text) for check in report.checks]
    cells = [[escaped(cell) for cell in row] for row in rows]
    table = markdown_table(("Task", "Level", "Check", "Outcome", "Numbers"), cells)
    facts = [f"- {escaped(line)}" for line in _facts(report)]
    return "\n".join([heading, "", *table, "", *facts]) + "\n"


def _lines(report: GateReport) -> Iterator[str]:
    marks = {Outcome.PASSED: "ok", Outcome.FAILED: "FAILED", Outcome.UNDECIDED: "UNDECIDED"}
    for check in report.checks:
        level = "" if check.is_critical else " (advisory)"
        yield printable(f"{marks[check.outcome]}: {check.task}, {check.name}{level}: {check.text}")
    yield from _facts(report)


def _level(check: Check) -> str:
    return "critical" if check.is_critical else "advisory"


def _facts(report: GateReport) -> Iterator[str]:
    for noun, (label, path) in (("baseline", report.baseline), ("candidate", report.candidate)):
        yield printable(f"{noun}: {label} ({path})" if path else f"{noun}: {label}")
    yield f"drops: {report.confidence:.0%} confidence"
    if report.sequential is not None:
        facts = report.sequential
        yield (
            f"sequential: {facts.asked:,} of {facts.documents:,} documents answered; {facts.sent:,} of "
            f"{facts.requests:,} requests sent, {facts.saved:.0%} saved"
        )
    for text in report.forced:
        yield printable(f"NOT COMPARABLE, judged by force: {text}")
