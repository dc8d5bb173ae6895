"""`fasteval.evaluate`: the run as Python users call it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasteval.api.arguments import parse_arguments
from fasteval.evaluation.callbacks import Callbacks
from fasteval.evaluation.run import evaluate as run
from fasteval.evaluation.settings import RunSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fasteval.api.model import LMM
    from fasteval.api.task import Task
    from fasteval.evaluation.callbacks import Callback
    from fasteval.models.engine import Engine
    from fasteval.results.model import Results
    from fasteval.results.progress import Progress

__all__ = ["evaluate"]


def evaluate(
    model: str | LMM | Engine,
    tasks: str | Task | Sequence[str | Task],
    *,
    model_args: dict[str, Any] | str | None = None,
    progress: Progress | None = None,
    callbacks: Sequence[Callback] = (),
    **options: Any,
) -> Results:
    """Evaluates a model on tasks and returns the results; nothing is written unless `output_path` is given.

    Args:
        model: a name (`fasteval models`), `path/to/file.py:Class`, or an `LMM` or engine object.
        tasks: names of tasks, groups or tags, or task objects; one or several.
        model_args: arguments of a named model, as a dict or as `name=value,…`.
        progress: who is told how far the run is.
        callbacks: who is told of the start, of each document, of results and files; see `fasteval.Callback`.
        **options: any further field of `fasteval.evaluation.RunSettings`, such as `limit=100`.

    Raises:
        UnknownNameError: an option, a model or a task that does not exist.
        FastEvalError: anything else that concerns the whole run.
    """
    arguments = parse_arguments(model_args) if isinstance(model_args, str) else dict(model_args or {})
    several = (tasks,) if isinstance(tasks, str) or not hasattr(tasks, "__iter__") else tuple(tasks)
    settings = RunSettings.of_mapping({**options, "model": model, "model_args": arguments, "tasks": several})
    results = run(settings, progress=progress, callbacks=callbacks)
    if settings.output_path is not None:
        paths = results.save(settings.output_path, log_samples=settings.log_samples, layout=settings.layout)
        if settings.report:
            results.save_report(paths, log_samples=settings.log_samples)
        Callbacks(callbacks).on_saved(results, paths)
    return results
