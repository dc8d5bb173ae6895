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

__all__ = ["trackers"]


@contextmanager
def trackers(flags: dict[str, Any], *, quiet: bool) -> Iterator[list[Callback]]:
    """Takes their flags out of `flags`; gives the trackers, and closes them however the run ends.

    Raises:
        UsageError: the flags are not enough, or a tracker cannot be used.
    """
    arguments, config = merged(flags.pop("wandb_args")), merged(flags.pop("wandb_config_args"))
    log_samples = bool(flags.pop("wandb_log_samples"))
    if not arguments and (config or log_samples):
        raise UsageError("--wandb_config_args and --wandb_log_samples need --wandb_args, such as project=…")
    if not arguments:
        yield []
        return
    from fasteval.evaluation.wandb_tracker import WandbTracker

    if quiet:
        os.environ.setdefault("WANDB_SILENT", "true")
    tracker = WandbTracker(arguments, config, log_samples=log_samples)
    try:
        yield [tracker]
    except BaseException:
        tracker.close(failed=True)
        raise
    tracker.close()
