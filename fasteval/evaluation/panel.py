"""`Panel`: threads that score documents whose scoring asks a judge, while the engine goes on.

A document's judge is asked as soon as its last answer is there. A judge that is loaded on this machine has to wait
until the model is gone; documents are then held back until `begin`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from fasteval.errors import UsageError
from fasteval.evaluation.responses import open_cache
from fasteval.judging import Judge
from fasteval.models.create import resolve_model
from fasteval.models.named import NAMED, SYNONYMS
from fasteval.tasks.judged import asks_judge, needs_judge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fasteval.api.instance import Instance
    from fasteval.api.request import Response
    from fasteval.evaluation.settings import RunSettings
    from fasteval.tasks import ConfigurableTask

__all__ = ["Panel", "open_judge"]

_MOST_THREADS = 64


class Panel:
    """Runs the scoring of documents in threads of its own; as many wait for the judge as it likes to have in hand."""

    def __init__(self, judge: Judge, tasks: list[ConfigurableTask]) -> None:
        """Takes the judge, and the tasks; `names` are those whose scoring asks it."""
        self.names = frozenset(task.name for task in tasks if asks_judge(task.config))
        self._threads = ThreadPoolExecutor(min(judge.window, _MOST_THREADS), thread_name_prefix="judged")
        self._held: list[Callable[[], None]] | None = [] if judge.runs_here else None

    def submit(self, work: Callable[[], None]) -> None:
        """Runs `work` in a thread, or holds it back until `begin`."""
        if self._held is None:
            self._threads.submit(work)
        else:
            self._held.append(work)

    def begin(self) -> None:
        """Runs what was held back; from now on nothing is."""
        held, self._held = self._held or [], None
        for work in held:
            self._threads.submit(work)

    def close(self) -> None:
        """Drops what has not begun; what has begun ends by itself when its judge is closed."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def open_judge(
    settings: RunSettings,
    tasks: list[ConfigurableTask],
    cache_folder: Path,
    *,
    recorded: Mapping[bytes, Response] | None = None,
    make_room: Callable[[], None],
) -> Judge | None:
    """Returns the run's judge, which nobody has asked yet; None where there is none.

    Args:
        settings: the run.
        tasks: its tasks.
        cache_folder: where caches are.
        recorded: answers of the judge that an earlier run recorded, by key.
        make_room: frees memory before a judge is loaded on this machine.

    Raises:
        UsageError: a task declares a judge, and the run has none.
        FastEvalError: as for the model.
    """
    if settings.predict_only:
        return None
    if settings.judge is None:
        declared = [task.name for task in tasks if needs_judge(task.config)]
        if declared:
            raise UsageError(
                f"the task {declared[0]} is scored by a judge, and the run has none: "
                f"pass --judge openai --judge_args base_url=…,model=… (see docs/judges.md)"
            )
        return None
    source = resolve_model(
        settings.judge,
        settings.judge_args,
        cache_folder=cache_folder,
        seed=settings.seed,
        trust_remote_code=settings.trust_remote_code,
        heartbeat_timeout=settings.heartbeat_timeout,
    )
    engine = source.open(_no_instance, {})
    name = SYNONYMS.get(settings.judge, settings.judge) if isinstance(settings.judge, str) else ""
    runs_here = name in NAMED and NAMED[name].backend in ("vllm", "hf")
    return Judge(
        source.name,
        engine,
        open_cache(settings, cache_folder, engine, source.name),
        seed=settings.seed,
        runs_here=runs_here,
        recorded=recorded,
        make_room=make_room,
    )


def _no_instance(row: int, *, is_simple: bool = True) -> Instance:  # noqa: ARG001 - the protocol's signature
    raise UsageError("a judge is a checkpoint or a server: a model class is asked with tasks' instances, and has none")
