"""`fasteval merge`: the results of a run's ranks as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fasteval.cli.again import score_saved
from fasteval.cli.parameters import flag
from fasteval.cli.prompting import data_flag, folder_flag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["merge"]


@click.command()
@click.argument("results", nargs=-1, required=True)
@folder_flag
@data_flag
@flag("--output_path", "-o", metavar="PATH", help="Folder (or .json file) for the new results.")
@click.pass_context
def merge(
    context: click.Context,
    results: tuple[str, ...],
    include_path: Iterable[tuple[str, ...]],
    datasets: Iterable[Mapping[str, str]],
    output_path: str | None,
) -> None:
    """Scores the ranks of one run together: RESULTS are their results files, or a folder that has them all.

    Each rank is a process that was started with --rank and --world_size, or by torchrun, which sets them. No model is
    needed. A rank that left no results is named; its command does the rest when it is run again.
    """
    from fasteval.evaluation.merge import merge as score_together
    from fasteval.results.saved import read_run
    from fasteval.results.savedranks import rank_files

    runs = (read_run(path) for name in results for path in rank_files(name))
    score_saved(
        context,
        runs,
        score_together,
        include_path=include_path,
        datasets=datasets,
        output_path=output_path,
        rank=0,
        world_size=1,
    )
