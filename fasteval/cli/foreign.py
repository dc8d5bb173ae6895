"""Every flag of lm-eval and lmms-eval: honoured, not needed, or refused with the reason; none is silently ignored.

The three tables are also what the pages "Coming from lmms-eval" and "Coming from lm-eval" are made of.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import click

from fasteval.cli.parameters import flag
from fasteval.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["HONOURED", "NOT_NEEDED", "REFUSED", "foreign_flags", "take_foreign_flags"]

_LOG = logging.getLogger("fasteval.cli")

#: Flags of theirs that a run has too, and what is worth knowing about them. By parameter name.
HONOURED: dict[str, str] = {
    "config": "one run a file, with lmms-eval's `env:`; a results file repeats its run",
    "model": "see `fasteval models`; `vllm`, `hf` and lmms-eval's names of the listed models",
    "model_args": "`pretrained=…` or `model=…`; all else goes to vLLM",
    "tasks": "commas or spaces; groups, tags, patterns, YAML files, `list`",
    "include_path": "several folders may be given",
    "limit": "-1 means all, as in lmms-eval; below 1 it is a share of each task's own documents",
    "offset": "counts before the limit",
    "num_fewshot": "as there",
    "gen_kwargs": "overrides the tasks' own; what the engine cannot honour is an error",
    "apply_chat_template": "honoured for text too; documents with media always use it; a template's name is refused: "
    "pass `--model_args chat_template=<file>`",
    "fewshot_as_multiturn": "off unless given; lm-eval turns it on with `--apply_chat_template`",
    "system_instruction": "as there, and part of the logged prompt",
    "reasoning_tags": "as in lmms-eval; the raw answers stay in the samples",
    "repeats": "answers a document",
    "predict_only": "answers without metrics; needs no --output_path",
    "confirm_run_unsafe_code": "without it a task whose scoring runs the model's code is refused; there is no sandbox",
    "output_path": "a folder, or the results' own .json file; `--layout` names the files as there",
    "log_samples": "on unless `--log_samples false`",
    "use_cache": "a folder; the response cache is on without it, and `--no_cache` turns it off. Their databases are "
    "not read: their keys do not name the model or the pictures",
    "cache_requests": "`true` and `refresh`; `delete` is refused: compiled requests are replaced with `refresh`",
    "seed": "the first of four seeds the run, the last draws few-shot examples; the others have nothing to seed",
    "trust_remote_code": "reaches the checkpoint's code; data sets with scripts are not run",
    "verbosity": "any case",
    "wandb_args": "arguments of `wandb.init`; needs `pip install 'fasteval[wandb]'`",
    "wandb_config_args": "further entries of the run's configuration",
    "wandb_log_samples": "tables of samples, too",
    "hf_hub_log_args": "lm-eval's arguments; the repository is `fasteval-results` where none is named",
}

#: Flags that ask for nothing that would not happen anyway, and why. By parameter name.
NOT_NEEDED: dict[str, str] = {
    "batch_size": "vLLM batches continuously",
    "max_batch_size": "vLLM batches continuously",
    "device": "the engine takes the device that vLLM was built for; choose GPUs with CUDA_VISIBLE_DEVICES",
    "force_simple": "each task is asked in the way that it defines",
    "process_with_media": "documents keep their media where a task's scoring reads them",
    "process_docs_parallel": "documents are scored while the engine works",
    "write_out": "the samples hold every prompt",
    "show_config": "the results hold every task's configuration",
    "timezone": "files are named in local time",
    "log_samples_suffix": "samples files are named after the time of the run, as they are in lmms-eval",
}

_TRACKER = "no such tracker is built in; send the results file to it"
_POWER = "a run has no power analysis; `fasteval compare` says which difference two runs could have shown"
#: Flags that this version cannot honour, and what to do instead. By parameter name.
REFUSED: dict[str, str] = {
    "swanlab_args": _TRACKER,
    "swanlab_log_samples": "no such tracker is built in; send the samples files to it",
    "trackio_args": _TRACKER,
    "launcher_args": "no judge server is started; name one that runs, or a checkpoint, with --judge and --judge_args",
    "agentic_trace_mode": "agentic tasks are not supported",
    "baseline": "a run compares nothing; set two runs side by side with `fasteval compare BASE CANDIDATE`",
    "power_analysis": _POWER,
    "effect_size": _POWER,
    "alpha": _POWER,
    "power": _POWER,
    "correlation": _POWER,
    "std_a": _POWER,
    "std_b": _POWER,
    "tui": "there is no terminal interface; the flags are in `fasteval run --help`",
    "check_integrity": "`fasteval tasks validate` loads the tasks, `fasteval tasks show NAME` shows a document",
    "max_tokens": "there is no token budget; the answers' length is --gen_kwargs max_new_tokens=…",
    "samples": "choose documents with --offset and --limit",
    "metadata": "tasks take no metadata from the command line; write it into the task's YAML file",
}
_SHORT = {"batch_size": ("-b",), "write_out": ("-w",), "samples": ("-E",)}


def foreign_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds those that a run does not have, hidden from its help. Each may stand alone or have one or several values."""
    for name in (*NOT_NEEDED, *REFUSED):
        decorate = flag(
            f"--{name}", *_SHORT.get(name, ()), is_flag=False, flag_value="true", hidden=True, multiple=True, default=()
        )
        command = decorate(command)
    return command


def take_foreign_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the flags that are fasteval's own; logs one line for each that is not needed.

    Raises:
        UnsupportedError: a flag asks for what this version does not do.
    """
    foreign = NOT_NEEDED.keys() | REFUSED.keys()
    # An empty or false value, as configuration files have it, asks for nothing.
    given = {name for name in foreign if any(value not in ("", "{}", "False", "None") for value in flags.get(name, ()))}
    for name in sorted(given & REFUSED.keys()):
        error = UnsupportedError(f"--{name} is not supported by this version: {REFUSED[name]}")
        error.exit_code = click.UsageError.exit_code
        raise error
    for name in sorted(given & NOT_NEEDED.keys()):
        _LOG.info("--%s is not needed: %s", name, NOT_NEEDED[name])
    return {name: value for name, value in flags.items() if name not in foreign}
