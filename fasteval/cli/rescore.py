"""`fasteval rescore`: score a saved run again, without its model."""

from __future__ import annotations

from typing import Any

import click

from fasteval.cli.evaluating import score_saved, scoring_flags

__all__ = ["rescore"]


@click.command()
@click.argument("results")
@scoring_flags
def rescore(results: str, **flags: Any) -> int:
    """Scores the run RESULTS (a results file or its folder) again, with metrics and filters as they are now.

    No model is needed: answers come from the samples, or from the response cache if no samples were written. A document
    whose prompt, media or options have changed since has no answer: it is left out and named, and the exit code is 3.
    A judge is asked only what it did not answer before.
    """
    from fasteval.evaluation.rescore import rescore as score_again
    from fasteval.results.saved import read_run

    runs = (read_run(path) for path in (results,))
    return score_saved(runs, lambda saved, **changes: score_again(*saved, **changes), flags)
