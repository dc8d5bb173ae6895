"""What this machine has and lacks for evaluations, and the command that mends each lack. Changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fasteval.doctor.data import examine_data
from fasteval.doctor.engine import examine_engine
from fasteval.doctor.finding import Finding, Status
from fasteval.doctor.machine import examine_cache, examine_memory, examine_packages, examine_terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Finding", "Status", "as_lines", "examine", "has_fault"]

_EXAMINATIONS = (examine_packages, examine_engine, examine_memory, examine_cache, examine_data, examine_terminal)
_MARKS = {Status.FINE: "  ", Status.LACK: "- ", Status.FAULT: "! "}


def examine() -> Iterator[Finding]:
    """Yields all findings; imports torch and vLLM in a child process only, and asks no server."""
    for look in _EXAMINATIONS:
        yield from look()


def has_fault(findings: Iterable[Finding]) -> bool:
    """Whether something stops evaluations."""
    return any(finding.status is Status.FAULT for finding in findings)


def as_lines(findings: Iterable[Finding]) -> Iterator[str]:
    """Yields the findings for a person: a line each, the command that mends it below, a headline for each area."""
    area = ""
    counts = dict.fromkeys(Status, 0)
    for finding in findings:
        counts[finding.status] += 1
        if finding.area != area:
            yield ("" if not area else "\n") + finding.area
            area = finding.area
        yield f"{_MARKS[finding.status]}{finding.name}: {finding.text}"
        if finding.mend:
            yield f"      mend: {finding.mend}"
    lacks, faults = counts[Status.LACK], counts[Status.FAULT]
    verdict = "evaluations cannot run" if faults else "evaluations can run"
    yield f"\n{verdict}: {faults} fault{'s' * (faults != 1)} (!), {lacks} thing{'s' * (lacks != 1)} lacking (-)"
