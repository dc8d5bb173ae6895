"""`GateReport`: the verdict and the checks that it follows from; as lines for a terminal, as Markdown, as JUnit XML."""

from __future__ import annotations

import platform
import sys
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from fasteval.results.markdown import escaped, markdown_table
from fasteval.results.printable import printable, xml_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

__all__ = ["Check", "GateReport", "Outcome", "SequentialFacts", "Verdict", "gate_markdown", "junit_xml"]
__all__ += ["print_gate"]

_NAME = "fasteval.gate"


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
    rows = [
        (check.task, "critical" if check.is_critical else "advisory", check.name, str(check.outcome), check.text)
        for check in report.checks
    ]
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


def junit_xml(report: GateReport, *, started_at: float, seconds: float) -> bytes:
    """Returns the report as XML, in the strict form that the schemas of Ant's and Jenkins' readers agree on.

    A suite is a task, a case a check. A failed check is a failure, an undecided one an error; advisory checks that did
    not pass count as skipped, so that no reader turns red for them.

    Args:
        report: the report.
        started_at: seconds since 1970.
        seconds: how long the gate took; it is put down to the first suite.
    """
    root = ET.Element("testsuites")
    for number, task in enumerate(dict.fromkeys(check.task for check in report.checks)):
        checks = [check for check in report.checks if check.task == task]
        elapsed = f"{seconds if number == 0 else 0:.3f}"
        attributes = {
            "package": _NAME,
            "id": str(number),
            "name": _token(task),
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(started_at)),
            "hostname": _token(platform.node()) or "localhost",
            "tests": str(len(checks)),
            "failures": str(_count(checks, "failure")),
            "errors": str(_count(checks, "error")),
            "skipped": str(_count(checks, "skipped")),
            "time": elapsed,
        }
        suite = ET.SubElement(root, "testsuite", attributes)
        _add_properties(suite, report)
        for check in checks:
            _add_case(suite, check)
        ET.SubElement(suite, "system-out").text = "\n".join(f"{check.name}: {_token(check.text)}" for check in checks)
        ET.SubElement(suite, "system-err").text = "\n".join(map(_token, report.forced))
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _add_properties(suite: ET.Element, report: GateReport) -> None:
    properties = ET.SubElement(suite, "properties")
    values: dict[str, Any] = {
        "verdict": report.verdict,
        "baseline": " ".join(report.baseline),
        "candidate": " ".join(report.candidate),
        "confidence": report.confidence,
    }
    for name, value in values.items():
        ET.SubElement(properties, "property", {"name": name, "value": _token(value)})


def _add_case(suite: ET.Element, check: Check) -> None:
    attributes = {"classname": f"{_NAME}.{_token(check.task)}", "name": _token(check.name), "time": "0.000"}
    case = ET.SubElement(suite, "testcase", attributes)
    kind = _kind(check)
    if kind == "skipped":
        ET.SubElement(case, kind).text = _token(f"advisory: {check.text}")
    elif kind is not None:
        text = _token(check.text)
        ET.SubElement(case, kind, {"type": str(check.outcome), "message": text}).text = text


def _kind(check: Check) -> str | None:
    """Returns the element that says what is wrong with a check; None if nothing is."""
    if check.outcome is Outcome.PASSED:
        return None
    if not check.is_critical and check.name != "errors":
        return "skipped"
    return "failure" if check.outcome is Outcome.FAILED else "error"


def _count(checks: Sequence[Check], kind: str) -> int:
    return sum(_kind(check) == kind for check in checks)


def _token(value: object) -> str:
    """Returns a value as one line of characters that XML can hold."""
    return xml_text(printable(value))
