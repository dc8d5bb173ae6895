"""`merge`: the ranks of one run, each of which saw a part of the documents, become one run's results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasteval.errors import IncomparableError, SavedResultsError
from fasteval.evaluation.rescore import rescore, saved_settings
from fasteval.evaluation.settings import WITHOUT_EFFECT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fasteval.results.model import Results
    from fasteval.results.progress import Progress
    from fasteval.results.saved import SavedRun

__all__ = ["merge"]

# What ranks of one run may differ in.
_OWN = WITHOUT_EFFECT | {"rank", "use_cache", "no_cache"}


def merge(runs: Sequence[SavedRun], *, progress: Progress | None = None, **changes: Any) -> Results:
    """Returns the results of a run whose ranks were run by themselves.

    The union of their answers is scored like those of one process, so the numbers are the same.

    Args:
        runs: one saved run a rank, in any order.
        progress: who is told how far it is.
        **changes: settings that take the place of the runs' own, such as `include_path`.

    Raises:
        SavedResultsError: a rank is missing, or there twice.
        IncomparableError: they are not ranks of one run.
        FastEvalError: as for a run.
    """
    settings = [saved_settings(run) for run in runs]
    count = settings[0].world_size
    by_rank: dict[int, SavedRun] = {}
    for run, own in zip(runs, settings, strict=True):
        if own.rank in by_rank:
            raise SavedResultsError(f"rank {own.rank} is there twice: {by_rank[own.rank].path} and {run.path}")
        by_rank[own.rank] = run
        _check_same(runs[0], run)
    missing = [str(rank) for rank in range(count) if rank not in by_rank]
    if missing:
        raise SavedResultsError(
            f"of {count} ranks, {', '.join(missing)} left no results: run the same command again with --rank"
        )
    first, *others = (by_rank[rank] for rank in range(count))
    return rescore(first, others=others, progress=progress, rank=0, world_size=1, **changes)


def _check_same(one: SavedRun, other: SavedRun) -> None:
    """Raises if two saved runs differ in more than their ranks."""
    ours, theirs = (_settings_of(run) for run in (one, other))
    different = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    if _model_of(one) != _model_of(other):
        different.insert(0, "the model's weights")
    if different:
        raise IncomparableError(
            f"{other.path} is no rank of the run of {one.path}: they differ in {', '.join(different)}"
        )


def _settings_of(run: SavedRun) -> dict[str, Any]:
    config = run.facts["config"]["resolved_cli_args"]
    return {name: value for name, value in config.items() if name not in _OWN}


def _model_of(run: SavedRun) -> Any:
    return ((run.facts.get("manifest") or {}).get("model") or {}).get("fingerprint")
