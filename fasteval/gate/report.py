"""`GateReport`: the verdict and the checks that it follows from, as lines for a terminal, as Markdown and as values."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from fasteval.results.markdown import escaped, markdown_table
from fasteval.results.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

__all__ = ["Check", "GateReport", "Outcome", "SequentialFacts", "Verdict", "gate_markdown", "print_gate"]


class Outcome(StrEnum):
    """What became of a check."""

    PASSED = "passed"
    FAILED = "failed"
    UNDECIDED = "undecided"


class Verdict(StrEnum):
    """What the gate says."""

    GO = "GO"
    NO_GO = "NO-GO"
    INCONCLUSIVE = "INCONCLUSIVE"

    @property
    def exit_code(self) -> int:
        """The code that the command ends with: none of those that failures have."""
        return {Verdict.GO: 0, Verdict.NO_GO: 10, Verdict.INCONCLUSIVE: 11}[self]


_SIGNS = {Verdict.GO: "✅", Verdict.NO_GO: "❌", Verdict.INCONCLUSIVE: "⚠️"}
_COLOURS = {Verdict.GO: "bold green", Verdict.NO_GO: "bold red", Verdict.INCONCLUSIVE: "bold yellow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One limit of the policy, held against the runs.

    Attributes:
        task: the task.
        name: "floor", "ceiling", "max_drop", "max_truncated", "errors", or "complete".
        is_critical: whether it decides.
        outcome: what became of it.
        text: the numbers, in one line.
    """

    task: str
    name: str
    is_critical: bool
    outcome: Outcome
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialFacts:
    """What a run that could stop early did.

    Attributes:
        documents: documents that were planned.
        asked: documents that were answered.
        requests: requests that were planned and not in the cache.
        sent: requests that were sent.
    """

    documents: int
    asked: int
    requests: int
    sent: int

    @property
    def saved(self) -> float:
        """The share of the requests that was saved."""
        return 1 - self.sent / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """The verdict and what it follows from.

    Attributes:
        baseline: name and file of the baseline.
        candidate: name and file of the candidate.
        confidence: of every statement about a drop.
        checks: all of them, task by task.
        forced: what differs and should not, where the comparison was forced.
        sequential: what was saved; None for runs that could not stop early.
    """

    baseline: tuple[str, str]
    candidate: tuple[str, str]
    confidence: float
    checks: Sequence[Check]
    forced: Sequence[str] = ()
    sequential: SequentialFacts | None = None

    @property
    def verdict(self) -> Verdict:
        """INCONCLUSIVE where there is any error row; else NO-GO if a critical check failed; else GO if all passed."""
        outcomes = {check.outcome for check in self.checks if check.is_critical}
        if any(check.name == "errors" for check in self.checks):
            return Verdict.INCONCLUSIVE
        if Outcome.FAILED in outcomes:
            return Verdict.NO_GO
        return Verdict.INCONCLUSIVE if Outcome.UNDECIDED in outcomes else Verdict.GO

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as plain JSON values."""
        facts: dict[str, Any] = {"verdict": str(self.verdict), "exit_code": self.verdict.exit_code} | asdict(self)
        if self.sequential is not None:
            facts["sequential"]["saved"] = self.sequential.saved
        return facts


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
