"""Flags of lm-eval and lmms-eval that fasteval has no use for, or cannot honour: said so, never silently ignored."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import click

from fasteval.cli.parameters import flag
from fasteval.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["foreign_flags", "take_foreign_flags"]

_LOG = logging.getLogger("fasteval.cli")

#: Flags that ask for nothing that would not happen anyway, and why. By parameter name.
NOT_NEEDED: dict[str, str] = {
    "batch_size": "vLLM batches continuously",
    "max_batch_size": "vLLM batches continuously",
    "device": "the engine takes the device that vLLM was built for; choose GPUs with CUDA_VISIBLE_DEVICES",
    "force_simple": "each task is asked in the way that it defines",
    "process_with_media": "documents keep their media where a task's scoring reads them",
    "write_out": "the samples hold every prompt",
    "show_config": "the results hold every task's configuration",
    "timezone": "files are named in local time",
    "confirm_run_unsafe_code": "no metric here runs a model's code",
}

#: Flags that this version cannot honour, and what to do instead. By parameter name.
REFUSED: dict[str, str] = {
    "wandb_args": "no tracker is built in; send the results file to it",
    "wandb_config_args": "no tracker is built in; send the results file to it",
    "wandb_log_samples": "no tracker is built in; send the samples files to it",
    "swanlab_args": "no tracker is built in; send the results file to it",
    "swanlab_log_samples": "no tracker is built in; send the samples files to it",
    "trackio_args": "no tracker is built in; send the results file to it",
    "hf_hub_log_args": "results are not pushed to the Hub; upload the output folder",
    "launcher_args": "no judge server is started; start it yourself and name its address in the environment",
    "agentic_trace_mode": "agentic tasks are not supported",
    "baseline": "runs are not compared here; compare the samples files of two runs",
    "power_analysis": "there is no power analysis",
    "effect_size": "there is no power analysis",
    "alpha": "there is no power analysis",
    "power": "there is no power analysis",
    "correlation": "there is no power analysis",
    "std_a": "there is no power analysis",
    "std_b": "there is no power analysis",
    "tui": "there is no terminal interface",
    "check_integrity": "look at a document with `fasteval tasks show NAME`",
    "max_tokens": "there is no token budget; the answers' length is --gen_kwargs max_new_tokens=…",
    "samples": "choose documents with --offset and --limit",
    "metadata": "tasks take no metadata from the command line",
    "log_samples_suffix": "samples files are named after the time of the run",
    "history": "there is no history",
}
_SHORT = {"batch_size": ("-b",), "write_out": ("-w",), "samples": ("-E",)}


def foreign_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds all of them to a command, hidden from its help. Each may stand alone or have a value."""
    for name in (*NOT_NEEDED, *REFUSED):
        decorate = flag(f"--{name}", *_SHORT.get(name, ()), is_flag=False, flag_value="true", hidden=True)
        command = decorate(command)
    return command


def take_foreign_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the flags that are fasteval's own; logs one line for each that is not needed.

    Raises:
        UnsupportedError: a flag asks for what this version does not do.
    """
    # An empty or false value, as configuration files have it, asks for nothing.
    given = {name for name, value in flags.items() if value not in (None, "", False)}
    for name in sorted(given & REFUSED.keys()):
        error = UnsupportedError(f"--{name} is not supported by this version: {REFUSED[name]}")
        error.exit_code = click.UsageError.exit_code
        raise error
    for name in sorted(given & NOT_NEEDED.keys()):
        _LOG.info("--%s is not needed: %s", name, NOT_NEEDED[name])
    return {name: value for name, value in flags.items() if name not in NOT_NEEDED and name not in REFUSED}
