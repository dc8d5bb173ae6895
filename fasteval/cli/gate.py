"""`fasteval gate`: GO, NO-GO or INCONCLUSIVE."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fasteval.cli.evaluating import evaluate_and_save, trackers
from fasteval.cli.foreign import take_foreign_flags
from fasteval.cli.output import Output, say_json, take_output_flags, write_file
from fasteval.cli.parameters import flag
from fasteval.cli.run import RunningCommand
from fasteval.cli.settings import make_settings
from fasteval.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fasteval.gate import GateReport, Policy
    from fasteval.results.saved import SavedRun

__all__ = ["gate"]

_OWN = ("baseline", "policy", "junit", "summary", "as_json", "sequential", "force")


@click.command(cls=RunningCommand, usage="--baseline RESULTS --policy FILE [CANDIDATE | FLAGS OF A RUN]")
@click.argument("candidate", required=False)
@flag("--baseline", required=True, metavar="RESULTS", help="Results to hold the candidate against.")
@flag("--policy", required=True, metavar="FILE", help="YAML file with the limits (docs/gate.md).")
@flag("--junit", metavar="FILE", help="Write the checks as JUnit XML.")
@flag("--summary", metavar="FILE", envvar="GITHUB_STEP_SUMMARY", help="Append Markdown ($GITHUB_STEP_SUMMARY).")
@flag("--json", is_flag=True, parameter="as_json", help="Print JSON.")
@flag("--sequential", is_flag=True, help="Ask in random order, and stop once the verdict is settled.")
@flag("--force", is_flag=True, help="Judge what is not comparable; the output says so.")
def gate(candidate: str | None, **flags: Any) -> int:
    """Says whether a candidate may go out: GO (exit 0), NO-GO (10) or INCONCLUSIVE (11).

    CANDIDATE is a results file or a folder with one. Without it the candidate is evaluated first, and all flags of
    `fasteval run` are understood; --tasks are those of the policy where none are named.
    """
    from fasteval.gate import judge, read_policy
    from fasteval.results.saved import read_run

    started_at = time.time()
    own = {name: flags.pop(name) for name in _OWN}
    policy, baseline = read_policy(Path(own["policy"])), read_run(Path(own["baseline"]))
    if candidate is None:
        report, interrupted = _evaluate(flags, policy, baseline, own)
    elif own["sequential"] or flags["model"]:
        raise UsageError("saved results are judged as they are: leave out CANDIDATE, or --model and --sequential")
    else:
        report, interrupted = judge(baseline, read_run(Path(candidate)), policy, force=own["force"]), 0
    _write(report, own, started_at)
    return interrupted or report.verdict.exit_code


def _evaluate(
    flags: dict[str, Any], policy: Policy, baseline: SavedRun, own: Mapping[str, Any]
) -> tuple[GateReport, int]:
    """Runs the candidate and judges it; returns the report, and the exit code of a signal that ended the run."""
    from fasteval.gate import SequentialGate, judge
    from fasteval.results.saved import saved_form

    output = Output(quiet=take_output_flags(flags).quiet, stream=sys.stderr)
    with trackers(flags, quiet=output.quiet) as callbacks:
        if not flags["model"]:
            raise UsageError("no candidate is named: pass its results, or --model to evaluate one")
        given = take_foreign_flags(flags)
        settings = make_settings(given if given["tasks"] else given | {"tasks": [tuple(policy.tasks)]})
        watcher = SequentialGate(baseline, policy, seed=settings.seed) if own["sequential"] else None
        results, interrupted = evaluate_and_save(settings, observer=watcher, callbacks=callbacks, output=output)
    early = None if watcher is None or interrupted else watcher.early(results)
    return judge(baseline, saved_form(results), policy, force=own["force"], early=early), interrupted


def _write(report: GateReport, own: Mapping[str, Any], started_at: float) -> None:
    """Prints the report and writes the files that were asked for."""
    from fasteval.gate import gate_markdown, junit_xml, print_gate

    if own["junit"]:
        xml = junit_xml(report, started_at=started_at, seconds=time.time() - started_at)
        write_file(own["junit"], xml)
    if own["summary"]:
        write_file(own["summary"], gate_markdown(report).encode(), mode="ab")
    if own["as_json"]:
        say_json(report.to_dict(), indent=True)
    else:
        print_gate(report)
