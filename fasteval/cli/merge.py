"""`fasteval merge`: the results of a run's ranks as one."""

from __future__ import annotations

from typing import Any

import click

from fasteval.cli.evaluating import score_saved, scoring_flags

__all__ = ["merge"]


@click.command()
@click.argument("results", nargs=-1, required=True)
@scoring_flags
def merge(results: tuple[str, ...], **flags: Any) -> int:
    """Scores the ranks of one run together: RESULTS are their results files, or a folder that has them all.

    Each rank is a process that was started with --rank and --world_size, or by torchrun, which sets them. No model is
    needed. A rank that left no results is named; its command does the rest when it is run again.
    """
    from fasteval.evaluation.merge import merge as score_together
    from fasteval.results.saved import rank_files, read_run

    runs = (read_run(path) for name in results for path in rank_files(name))
    return score_saved(runs, score_together, flags, rank=0, world_size=1)
