"""The shape of the results file.

It has lmms-eval's keys, so that what reads its files reads these; further facts are in keys of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import fasteval
from fasteval.results.encoding import text_hash
from fasteval.results.naming import date_string, sanitize_name
from fasteval.results.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fasteval.results.model import GroupResult, Results, TaskResult

__all__ = ["results_to_dict"]


def results_to_dict(results: Results) -> dict[str, Any]:
    """Returns what the results file holds; see `Results.to_dict`."""
    return _scores(results) | _circumstances(results)


def _scores(results: Results) -> dict[str, Any]:
    tasks, groups = results.tasks, {name: group for name, group in results.groups.items() if group.metrics}
    entries: dict[str, TaskResult | GroupResult] = {**groups, **tasks}
    scores: dict[str, Any] = {
        "results": {name: _entry(group) for name, group in groups.items()}
        | {name: _entry(task) | {"samples": task.n_effective} for name, task in tasks.items()},
    }
    if groups:
        scores["groups"] = {name: _entry(group) for name, group in groups.items()}
    return scores | {
        "group_subtasks": {name: list(group.members) for name, group in results.groups.items()}
        | {name: [] for name in tasks},
        "configs": {name: redact(dict(task.config)) for name, task in tasks.items()},
        "versions": {name: entry.version for name, entry in entries.items()},
        "n-shot": {name: task.n_shot for name, task in tasks.items()},
        "higher_is_better": {name: dict(entry.higher_is_better) for name, entry in entries.items()},
        "n-samples": {name: {"original": task.n_docs, "effective": task.n_effective} for name, task in tasks.items()},
        "errors": {name: task.errors for name, task in tasks.items()},
        "failures": {name: redact(task.failures) for name, task in tasks.items()},
        "is_complete": results.is_complete,
        "interrupted": results.interrupted,
    }


def _entry(result: TaskResult | GroupResult) -> dict[str, Any]:
    """Returns alias, values and standard errors, each value followed by its error."""
    entry: dict[str, Any] = {"alias": result.alias or result.name}
    for key, score in zip(result.metrics, result.scores(), strict=True):
        entry[key] = score.value
        if score.stderr is not None:
            entry[f"{score.metric}_stderr,{score.filter}"] = score.stderr
    return entry | {key: value for key, value in result.stderrs.items() if key not in entry}


def _circumstances(results: Results) -> dict[str, Any]:
    config = results.config
    system_instruction = config.get("system_instruction")
    return {
        "config": redact(_run_config(results)),
        "git_hash": results.git_hash,
        "date": date_string(results.started_at),
        "fasteval_version": fasteval.__version__,
        "software_versions": dict(results.versions),
        "throughput": results.statistics.to_dict(),
        "counters": dict(results.statistics.counters),
        "task_hashes": {name: task.fingerprint for name, task in results.tasks.items()},
        "model_source": config.get("model") if isinstance(config.get("model"), str) else None,
        "model_name": redact(results.model_name),
        "model_name_sanitized": sanitize_name(results.model_name),
        "model_fingerprint": results.model_fingerprint,
        "manifest": redact(dict(results.manifest)),
        "system_instruction": system_instruction,
        "system_instruction_sha": _sha(system_instruction),
        "fewshot_as_multiturn": config.get("fewshot_as_multiturn"),
        "chat_template": results.chat_template,
        "chat_template_sha": _sha(results.chat_template),
        "start_time": results.started_at,
        "end_time": results.finished_at,
        "total_evaluation_time_seconds": str(results.finished_at - results.started_at),
    }


def _run_config(results: Results) -> dict[str, Any]:
    settings: Mapping[str, Any] = results.config
    names = ("model", "model_args", "batch_size", "device", "use_cache", "limit", "offset", "bootstrap_iters")
    seed = settings.get("seed")
    return {name: settings.get(name) for name in (*names, "gen_kwargs")} | {
        "batch_sizes": [],
        "random_seed": seed,
        "numpy_seed": seed,
        "torch_seed": seed,
        "fewshot_seed": settings.get("fewshot_seed", seed),
        # What `--config` takes back.
        "resolved_cli_args": dict(settings),
    }


def _sha(text: str | None) -> str | None:
    return None if text is None else text_hash(text)
