"""`fasteval reproduce`: run a saved run again and say what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fasteval.cli.output import say
from fasteval.cli.parameters import flag

if TYPE_CHECKING:
    from fasteval.evaluation.reproduce import Reproduction

__all__ = ["reproduce"]

_MAX_LISTED = 10


@click.command()
@click.argument("results")
@flag("--model_path", metavar="PATH", help="The model's place on this machine, if it is not where it was.")
def reproduce(results: str, model_path: str | None) -> int:
    """Runs the run RESULTS (a results file or its folder) again, reads no cache, and says what differs.

    Exit code 0: every score, and every answer of which there is a sample, came out the same. 1: some did not.
    """
    from fasteval.evaluation.reproduce import reproduce as run_again
    from fasteval.evaluation.rescore import saved_settings
    from fasteval.results.progress import choose_progress
    from fasteval.results.saved import read_run

    run = read_run(results)
    changes: dict[str, Any] = {}
    if model_path:
        changes["model_args"] = {**saved_settings(run).model_args, "pretrained": model_path}
    with choose_progress() as progress:
        outcome = run_again(run, progress=progress, **changes)
    _print(outcome)
    return 0 if outcome.is_same else 1


def _print(outcome: Reproduction) -> None:
    for title, differences in (("made of", outcome.made_of), ("scores", outcome.scores)):
        for difference in differences:
            say(f"{title}: {difference.describe()}")
    for task, documents in outcome.answers.items():
        if documents:
            listed = ", ".join(map(str, documents[:_MAX_LISTED])) + (", …" if len(documents) > _MAX_LISTED else "")
            say(f"answers: {task}: {len(documents)} documents differ: {listed}")
    if not outcome.made_of:
        say("made of: the same model, data, code, requests and versions")
    if outcome.is_same:
        say(f"the same scores, and the same answers to {outcome.compared} documents")
