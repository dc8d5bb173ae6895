"""`rescore`: a saved run is scored again, without any model. It is a run like any other whose answers are all known."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.errors import SavedResultsError
from fasteval.evaluation.recorded import RecordedEngine, record
from fasteval.evaluation.run import evaluate
from fasteval.evaluation.settings import RunSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fasteval.results.model import Results
    from fasteval.results.progress import Progress
    from fasteval.results.saved import SavedRun

__all__ = ["rescore", "saved_settings"]

# Settings that say where the answers came from: those of the first run stand in the new results too.
_OF_THE_MODEL = ("model", "model_args", "use_cache", "no_cache", "cache_sampled", "deterministic")


def rescore(
    run: SavedRun, *, others: Sequence[SavedRun] = (), progress: Progress | None = None, **changes: Any
) -> Results:
    """Returns the results of a saved run with the tasks' metrics and filters as they are now.

    Answers come from the run's samples; where it has none, from the response cache that it used. A request that has
    changed since is one without an answer: its document becomes an error row. A judge's answers come from the samples
    too, and from the cache; it is asked what neither has.

    Args:
        run: the saved run.
        others: further ranks of it, whose answers count too.
        progress: who is told how far it is.
        **changes: settings that take the place of the run's own, such as `include_path`.

    Raises:
        SavedResultsError: the run is of another program, or its files do not say what is needed.
        FastEvalError: as for a run.
    """
    manifest = _manifest(run)
    settings = saved_settings(run, **{"prompt_profile": manifest["prompt_profile"]} | changes)
    if not changes.keys() & {"judge", "judge_args"}:
        settings = replace(settings, judge_args=_judge_args(settings.judge_args, manifest.get("judge")))
    runs = (run, *others)
    has_samples = all(any(task.samples for task in part.tasks.values()) for part in runs)
    if not has_samples and settings.no_cache:
        raise SavedResultsError(f"{run.path}: no samples were written and no cache was kept: there are no answers")
    # In samples a dialog is one answer; in the cache each of its rounds is.
    runs_dialogs = has_samples or manifest["model"]["runs_dialogs"]
    engine = RecordedEngine(manifest, runs_dialogs=runs_dialogs)
    # Whatever was sampled is recorded, and there is no engine whose determinism could be verified.
    settings = replace(settings, model=engine, model_args={}, cache_sampled=True, deterministic=False)
    if not has_samples:
        return _with_circumstances(evaluate(settings, progress=progress), runs)
    with tempfile.TemporaryDirectory(prefix="fasteval-rescore-") as folder:
        results = evaluate(settings, progress=progress, recorded=record(runs, Path(folder)))
    return _with_circumstances(results, runs)


def saved_settings(run: SavedRun, **changes: Any) -> RunSettings:
    """Returns the settings of a saved run.

    Raises:
        SavedResultsError: the file does not have them.
        UsageError: they mean nothing to this version.
    """
    config = (run.facts.get("config") or {}).get("resolved_cli_args")
    if not isinstance(config, dict):
        raise SavedResultsError(f"{run.path}: the settings of the run are not in this file (config.resolved_cli_args)")
    return RunSettings.of_mapping({**config, **changes})


def _judge_args(arguments: dict[str, Any], judge: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns a judge's arguments with what its server has told the run, so that none is asked for it again."""
    parts = {} if judge is None else judge["parts"]
    if parts.get("backend") != "openai":
        return arguments
    return {**arguments, "model": parts["model"], "dialect": parts["dialect"]}


def _manifest(run: SavedRun) -> dict[str, Any]:
    manifest = run.facts.get("manifest")
    if not isinstance(manifest, dict):
        raise SavedResultsError(
            f"{run.path or 'this run'}: there is no manifest in this file: it is not a run's results"
        )
    return manifest


def _with_circumstances(results: Results, runs: Sequence[SavedRun]) -> Results:
    """Returns the results under the recorded model's name, with the prompts that it was shown and its settings."""
    run = runs[0]
    prompts = {
        (task.name, sample["doc_id"]): sample.get("prompt", "")
        for part in runs
        for task in part.tasks.values()
        for sample in task.samples
    }
    for name, task in results.tasks.items():
        for document in task.documents:
            shown = prompts.get((name, document.doc_id))
            if shown is not None:
                document.samples[:] = [replace(sample, prompt=shown) for sample in document.samples]
    own = run.facts["config"]["resolved_cli_args"]
    kept = {name: own[name] for name in _OF_THE_MODEL if name in own}
    return replace(
        results,
        model_name=str(run.facts.get("model_name") or results.model_name),
        chat_template=run.facts.get("chat_template"),
        config={**results.config, **kept},
        manifest={**results.manifest, "rescored_from": ", ".join(part.path for part in runs)},
    )
