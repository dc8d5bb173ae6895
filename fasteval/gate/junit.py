"""A gate's report as JUnit XML, in the strict form that the schemas of Ant's and Jenkins' readers agree on.

A failed check is a failure, an undecided one an error; advisory checks that did not pass count as skipped, so that no
reader turns red for them.
"""

from __future__ import annotations

import platform
import time
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from fasteval.gate.report import Outcome
from fasteval.results.printable import printable, xml_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fasteval.gate.report import Check, GateReport

__all__ = ["junit_xml"]

_NAME = "fasteval.gate"


def junit_xml(report: GateReport, *, started_at: float, seconds: float) -> bytes:
    """Returns the report as XML: a suite a task, a case a check.

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
