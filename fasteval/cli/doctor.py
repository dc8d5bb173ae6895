"""`fasteval doctor`: what is installed, what is missing, and the command that mends it."""

from __future__ import annotations

import click

from fasteval.cli.output import say, say_json

__all__ = ["doctor"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(*, as_json: bool) -> int:
    """Says what this machine has and lacks for evaluations, with the command that mends each lack.

    Exit code 1 if something stops evaluations. Takes some seconds: the engine is imported, as a run would.
    """
    from fasteval.doctor import as_lines, examine, has_fault

    findings = list(examine())
    if as_json:
        entries = [finding.to_dict() for finding in findings]
        say_json({"can_run": not has_fault(findings), "findings": entries}, indent=True)
    else:
        for line in as_lines(findings):
            say(line)
    return 1 if has_fault(findings) else 0
