"""`fasteval rescore`: score a saved run again, without its model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fasteval.cli.again import score_saved
from fasteval.cli.parameters import flag
from fasteval.cli.prompting import data_flag, folder_flag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["rescore"]


@click.command()
@click.argument("results")
@folder_flag
@data_flag
@flag("--output_path", "-o", metavar="PATH", help="Folder (or .json file) for the new results.")
@click.pass_context
def rescore(
    context: click.Context,
    results: str,
    include_path: Iterable[tuple[str, ...]],
    datasets: Iterable[Mapping[str, str]],
    output_path: str | None,
) -> None:
    """Scores the run RESULTS (a results file or its folder) again, with metrics and filters as they are now.

    No model is needed: answers come from the samples, or from the response cache if no samples were written. A document
    whose prompt, media or options have changed since has no answer: it is left out and named, and the exit code is 3.
    """
    from fasteval.evaluation.rescore import rescore as score_again
    from fasteval.results.saved import read_run

    score_saved(
        context,
        (read_run(path) for path in (results,)),
        lambda runs, **changes: score_again(*runs, **changes),
        include_path=include_path,
        datasets=datasets,
        output_path=output_path,
    )
