"""`Session`: what the runs of one process leave to the next ones, so that they need not begin from nothing."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from fasteval.api.closing import Closing
from fasteval.cache import default_folder
from fasteval.cache.folder import make_private
from fasteval.distributed.opening import open_engine
from fasteval.evaluation.workload import compile_workload, load_tasks
from fasteval.models.create import resolve_model
from fasteval.models.engine import EngineWrapper
from fasteval.models.host.pool import HostPool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fasteval.evaluation.settings import RunSettings
    from fasteval.evaluation.workload import Workload
    from fasteval.models.create import ModelSource
    from fasteval.models.engine import Engine
    from fasteval.requests import RequestTable

__all__ = ["Session"]

_OF_THE_MODEL = ("model", "model_args", "seed", "trust_remote_code", "heartbeat_timeout", "deterministic")
#: Settings that have no part in which requests there are.
_OTHERS = frozenset({*_OF_THE_MODEL, "output_path", "log_samples", "report", "layout", "use_cache", "no_cache"})


class Session(Closing):
    """Keeps engine hosts, models that somebody wrote, and the compiled tasks of the last run.

    What is kept is used where it is what the next run asks for. Tasks that were named are read once: whoever changes
    their files makes another session.
    """

    def __init__(self, *, keeps: bool = True) -> None:
        """Begins with nothing; one that keeps nothing is for a single run."""
        self._keeps = keeps
        #: Where caches are.
        self.cache_folder = _private_cache_folder()
        self._hosts = HostPool(self.cache_folder)
        self._source: tuple[list[Any], ModelSource] | None = None
        self._borrowed: Engine | None = None
        self._workload: tuple[list[Any], Workload] | None = None

    def source(self, settings: RunSettings) -> ModelSource:
        """Returns the model of a run. One that somebody wrote is built once, while nobody asks for another.

        Raises:
            FastEvalError: see `resolve_model`.
        """
        key = [getattr(settings, name) for name in _OF_THE_MODEL]
        if self._source is not None and self._source[1].is_borrowed and self._source[0] == key:
            return self._source[1]
        self._return_borrowed()
        model, arguments, seed, trust, timeout, deterministic = key
        source = resolve_model(
            model,
            arguments,
            cache_folder=self.cache_folder,
            seed=seed,
            trust_remote_code=trust,
            heartbeat_timeout=timeout,
            deterministic=deterministic,
        )
        self._source = (key, source)
        return source

    def tasks(self, settings: RunSettings, prompt_profile: str) -> Workload:
        """Returns the tasks of a run: compiled if they are those of the last one, else only loaded.

        Raises:
            FastEvalError: see `load_tasks`.
        """
        key = [prompt_profile, *(getattr(settings, own.name) for own in fields(settings) if own.name not in _OTHERS)]
        if self._workload is None or self._workload[0] != key or not all(isinstance(t, str) for t in settings.tasks):
            self._workload = (key, load_tasks(settings, prompt_profile))
        return self._workload[1]

    def compiled(
        self, workload: Workload, settings: RunSettings, look: Callable[[RequestTable], None] | None = None
    ) -> Workload:
        """Returns the workload with the requests of its tasks; `look` sees each task's while there are more to compile.

        Raises:
            TaskError: documents are not there.
        """
        if len(workload.table):
            return workload
        workload = compile_workload(workload, settings, look)
        if self._workload is not None:
            self._workload = (self._workload[0], workload)
        return workload

    def open(self, source: ModelSource, workload: Workload, settings: RunSettings) -> Engine:
        """Returns a run's engine, not started; when it is closed, its host stays for the next one.

        Raises:
            FastEvalError: see `open_engine`.
        """
        if source.for_requests is not None and not self._keeps:  # an engine that stays is there for longer than a run
            source = source.for_requests(len(workload.table))
        engine = open_engine(
            source,
            workload.instance,
            {} if source.host is not None else workload.documents(),
            replicas=settings.replicas,
            executor=settings.executor,
            ray_address=settings.ray_address,
            ray_args=settings.ray_args,
            pool=self._hosts if self._keeps else None,
        )
        if not (self._keeps and source.is_borrowed):
            return engine
        self._borrowed = engine
        return _Borrowed(engine)

    def make_room(self) -> None:
        """Stops the engine hosts that no run uses, since a model is to be loaded beside them."""
        self._hosts.close()

    def close(self) -> None:
        """Stops and frees what is kept; may be called twice."""
        self._return_borrowed()
        self._hosts.close()
        self._workload = None

    def _return_borrowed(self) -> None:
        if self._borrowed is not None:
            self._borrowed.close()
        self._borrowed = self._source = None


class _Borrowed(EngineWrapper):
    """An engine around a model that the session closes."""

    def close(self) -> None:
        """Leaves it open."""


def _private_cache_folder() -> Path:
    folder = default_folder()
    with suppress(OSError):  # whoever cannot write there says so
        make_private(folder)
    return folder
