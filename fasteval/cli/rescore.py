"""`fasteval rescore`: score a saved run again, without its model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fasteval.cli.parameters import flag
from fasteval.cli.prompting import data_flag, folder_flag
from fasteval.cli.settings import flat, merged

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
    from fasteval.cli.evaluating import save_and_print
    from fasteval.cli.showing import EXIT_INCOMPLETE
    from fasteval.evaluation.rescore import rescore as score_again
    from fasteval.evaluation.rescore import saved_settings
    from fasteval.results import choose_progress
    from fasteval.results.saved import read_run

    given: dict[str, Any] = {"include_path": flat(include_path), "datasets": merged(datasets)}
    changes = {name: value for name, value in given.items() if value}
    changes["output_path"] = Path(output_path) if output_path else None
    progress = choose_progress()
    try:
        run = read_run(results)
        scored = score_again(run, progress=progress, **changes)
    finally:
        progress.stop()
    save_and_print(saved_settings(run, **changes), scored)
    context.exit(0 if scored.is_complete else EXIT_INCOMPLETE)
