"""`fasteval.evaluate` and `fasteval.Evaluator`: runs as Python users make them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasteval.api.arguments import parse_arguments
from fasteval.api.closing import Closing
from fasteval.evaluation.callbacks import Callbacks
from fasteval.evaluation.run import evaluate as run
from fasteval.evaluation.session import Session
from fasteval.evaluation.settings import RunSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fasteval.api.model import LMM
    from fasteval.api.task import Task
    from fasteval.evaluation.callbacks import Callback
    from fasteval.models.engine import Engine
    from fasteval.results.model import Results
    from fasteval.results.progress import Progress

__all__ = ["Evaluator", "evaluate"]


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
    settings = _settings(model, tasks, _arguments(model_args), options)
    return _run_and_save(settings, progress, callbacks, None)


class Evaluator(Closing):
    """A model that is evaluated again and again: its engine stays loaded between runs.

        with fasteval.Evaluator("vllm", model_args={"pretrained": "runs/step-100"}) as evaluator:
            first = evaluator.run("easy_vqa")
            evaluator.load("runs/step-200")
            second = evaluator.run("easy_vqa")

    The numbers are those of `evaluate`. Tasks that are named are read once, while one run asks for the same as the one
    before. The engine starts with the first answer that the cache does not have, and goes when the evaluator is closed.
    """

    def __init__(
        self, model: str | LMM | Engine, *, model_args: dict[str, Any] | str | None = None, **options: Any
    ) -> None:
        """Loads nothing yet.

        Args:
            model: as in `evaluate`.
            model_args: as in `evaluate`.
            **options: what all runs have in common.
        """
        self._model, self._arguments, self._options = model, _arguments(model_args), options
        self._session = Session()

    def run(
        self,
        tasks: str | Task | Sequence[str | Task],
        *,
        progress: Progress | None = None,
        callbacks: Sequence[Callback] = (),
        **options: Any,
    ) -> Results:
        """Evaluates the model on tasks and returns the results (see `evaluate`).

        Args:
            tasks: as in `evaluate`.
            progress: as in `evaluate`.
            callbacks: as in `evaluate`.
            **options: what this run has besides, or in place of, the evaluator's own.
        """
        settings = _settings(self._model, tasks, self._arguments, self._options | options)
        return _run_and_save(settings, progress, callbacks, self._session)

    def load(self, checkpoint: Path | str) -> None:
        """Has the next run evaluate another checkpoint.

        The engine's process stays where nothing but the weights differs, and starts anew where anything else does.
        Neither prefixes nor processed media nor answers of the old checkpoint are used for the new one.
        """
        self._arguments = {name: value for name, value in self._arguments.items() if name != "model"}
        self._arguments["pretrained"] = str(checkpoint)

    def close(self) -> None:
        """Stops the engine and frees what it holds; a later run starts another."""
        self._session.close()


def _arguments(model_args: dict[str, Any] | str | None) -> dict[str, Any]:
    return parse_arguments(model_args) if isinstance(model_args, str) else dict(model_args or {})


def _settings(
    model: str | LMM | Engine,
    tasks: str | Task | Sequence[str | Task],
    model_args: dict[str, Any],
    options: dict[str, Any],
) -> RunSettings:
    several = (tasks,) if isinstance(tasks, str) or not hasattr(tasks, "__iter__") else tuple(tasks)
    return RunSettings.of_mapping({**options, "model": model, "model_args": model_args, "tasks": several})


def _run_and_save(
    settings: RunSettings, progress: Progress | None, callbacks: Sequence[Callback], session: Session | None
) -> Results:
    results = run(settings, progress=progress, callbacks=callbacks, session=session)
    if settings.output_path is not None:
        paths = results.save(settings.output_path, log_samples=settings.log_samples, layout=settings.layout)
        if settings.report:
            results.save_report(paths, log_samples=settings.log_samples)
        Callbacks(callbacks).on_saved(results, paths)
    return results
