"""Trackers that flags ask for."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fasteval.cli.settings import merged
from fasteval.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fasteval.evaluation.callbacks import Callback
    from fasteval.evaluation.wandb_tracker import WandbTracker

__all__ = ["trackers"]


@contextmanager
def trackers(flags: dict[str, Any], *, quiet: bool) -> Iterator[list[Callback]]:
    """Takes their flags out of `flags`; gives the trackers, and closes them however the run ends.

    Raises:
        UsageError: the flags are not enough, or a tracker cannot be used.
    """
    hub, wandb = _hub(flags), _wandb(flags, quiet=quiet)
    try:
        yield [*wandb, *hub]
    except BaseException:
        for tracker in wandb:
            tracker.close(failed=True)
        raise
    for tracker in wandb:
        tracker.close()


def _wandb(flags: dict[str, Any], *, quiet: bool) -> list[WandbTracker]:
    arguments, config = merged(flags.pop("wandb_args")), merged(flags.pop("wandb_config_args"))
    log_samples = bool(flags.pop("wandb_log_samples"))
    if not arguments and (config or log_samples):
        raise UsageError("--wandb_config_args and --wandb_log_samples need --wandb_args, such as project=…")
    if not arguments:
        return []
    from fasteval.evaluation.wandb_tracker import WandbTracker

    if quiet:
        os.environ.setdefault("WANDB_SILENT", "true")
    return [WandbTracker(arguments, config, log_samples=log_samples)]


def _hub(flags: dict[str, Any]) -> list[Callback]:
    arguments = merged(flags.pop("hf_hub_log_args"))
    if not arguments:
        return []
    from fasteval.evaluation.hub_tracker import HubTracker

    if not flags["output_path"]:
        raise UsageError("--hf_hub_log_args needs --output_path: what is pushed are the files that the run writes")
    if arguments.get("push_samples_to_hub") and flags["log_samples"] is False:
        raise UsageError("--hf_hub_log_args push_samples_to_hub=true and --log_samples false contradict each other")
    if (flags["world_size"] or 1) > 1:
        raise UsageError("one rank has no results to push to the Hub: `fasteval merge` makes them, `hf upload` pushes")
    return [HubTracker(arguments)]
