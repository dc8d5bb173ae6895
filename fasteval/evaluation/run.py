"""One request's way from YAML to table, on one screen: load, compile, plan, stream and score (`Loop`), sum up."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from fasteval.cache import ResponseCache
from fasteval.evaluation.garbage import rare_collections
from fasteval.evaluation.interruption import Interruption
from fasteval.evaluation.loop import Loop
from fasteval.evaluation.monitor import Monitor
from fasteval.evaluation.observer import row_ranks
from fasteval.evaluation.panel import open_judge
from fasteval.evaluation.recorder import RunRecorder
from fasteval.evaluation.responses import open_cache
from fasteval.evaluation.reuse import Reports
from fasteval.evaluation.session import Session
from fasteval.evaluation.summary import group_results, summarise
from fasteval.judging import presiding
from fasteval.results.files import check_writable
from fasteval.results.progress import SilentProgress
from fasteval.scheduling import RequestLoader, check_feasible, check_media, make_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fasteval.evaluation.callbacks import Callback
    from fasteval.evaluation.observer import Observer
    from fasteval.evaluation.recorded import Recorded
    from fasteval.evaluation.scorer import TaskScorer
    from fasteval.evaluation.settings import RunSettings
    from fasteval.evaluation.workload import Workload
    from fasteval.models.engine import Engine
    from fasteval.requests import RequestTable
    from fasteval.results.model import Results, TaskResult
    from fasteval.results.progress import Progress
    from fasteval.scheduling import Plan

__all__ = ["evaluate"]

_KNOWN = "nothing has changed since an earlier run: this is its report (--no_cache makes a new one)"


@rare_collections()
def evaluate(
    settings: RunSettings,
    *,
    progress: Progress | None = None,
    observer: Observer | None = None,
    interruption: Interruption | None = None,
    callbacks: Sequence[Callback] = (),
    session: Session | None = None,
    recorded: Recorded | None = None,
) -> Results:
    """Runs one evaluation and returns its results, unsaved. A wrong command shows before a model loads.

    Args:
        settings: the run.
        progress: who is told how far it is.
        observer: orders the documents, sees each scored one, and may end a task early.
        interruption: what may ask for an early end; the results are then those of the documents that are done.
        callbacks: who else is told of the start, of each scored document and of the results.
        session: has what earlier runs left, and keeps what this one leaves; without one, nothing is left.
        recorded: answers that come before those of the response cache.

    Raises:
        FastEvalError: something that concerns the whole run; answers that were complete by then are in the cache.
    """
    recorder, interruption = RunRecorder(settings), interruption or Interruption()
    monitor = Monitor(progress or SilentProgress(), recorder.timeline, callbacks)
    check_writable(settings.output_path)
    session = session or Session(keeps=False)
    cache_folder = session.cache_folder
    with recorder.timeline.stage("load"):
        monitor.stage("loading tasks")
        source = session.source(settings)
        workload = session.tasks(settings, source.prompt_profile)
        is_observed = observer is not None or bool(callbacks)
        reports = Reports.of(settings, source, workload, cache_folder / "responses", is_observed=is_observed)
        if (known := reports.find()) is not None:
            monitor.stage(_KNOWN)
            return workload.with_media(recorder.known_results(source, known))
        judge = open_judge(
            settings,
            list(workload.tasks.values()),
            cache_folder,
            recorded=None if recorded is None else recorded.judgements,
            make_room=session.make_room,
        )
    with ExitStack() as opened:
        opened.enter_context(presiding(judge))
        with recorder.timeline.stage("load"):
            # Somebody else's model is made when the tasks are known to be sound; some engines want to know their size.
            is_early = source.host is not None and source.for_requests is None
            workload = workload if is_early else session.compiled(workload, settings)
            engine = recorder.watch(session.open(source, workload, settings), monitor.engine_stage)
            opened.enter_context(closing(engine))
            cache = opened.enter_context(
                open_cache(settings, cache_folder, engine, source.name)
                if recorded is None
                else ResponseCache.open(recorded.answers)
            )
            workload = session.compiled(workload, settings, _start_early(settings, engine, cache) if is_early else None)
            plan = _plan(settings, workload.table, engine, cache, observer)
            check_feasible(plan, engine.capabilities())
            check_media(plan, engine.capabilities(), RequestLoader(plan, workload.tasks, workload.options))
            if len(plan.order):
                cache.prepare()  # a cache that cannot be written to shows now, not when the first answer is there
        with interruption.deferred():
            loop = Loop(settings, workload, plan, engine, cache, recorder, monitor, observer, interruption, judge)
            scorers = loop.run()
        engine.close()  # all is answered; and a process's memory is known when it has ended
        with recorder.timeline.stage("scoring"):
            monitor.stage("summing up")
            tasks = {name: _sum_up(settings, workload, name, scorer) for name, scorer in scorers.items()}
            for name, task in tasks.items():
                monitor.finished(name, task.documents)
        results = recorder.results(source, workload, plan, engine, tasks, group_results(workload.groups, tasks))
        results = workload.with_media(reports.keep(results, workload.tasks.values(), workload.options))
    monitor.end(results)
    return results


def _start_early(settings: RunSettings, engine: Engine, cache: ResponseCache) -> Callable[[RequestTable], None]:
    """Starts the engine once something has to be asked for certain, so that it loads while requests are compiled.

    Returns what looks at a task's requests, and starts it at the first one that the cache has no answer to.
    """
    is_starting = not cache.may_know(engine.fingerprint())
    if is_starting:
        engine.start()

    def look(table: RequestTable) -> None:
        nonlocal is_starting
        if not is_starting and len(_plan(settings, table, engine, cache, None).order):
            is_starting = True
            engine.start()

    return look


def _plan(
    settings: RunSettings, table: RequestTable, engine: Engine, cache: ResponseCache, observer: Observer | None
) -> Plan:
    return make_plan(
        table,
        cache,
        engine.fingerprint(),
        seed=settings.seed,
        whole_dialogs=engine.capabilities().runs_dialogs,
        shuffle_seed=settings.shuffle_seed,
        cache_sampled=settings.cache_sampled,
        ranks=None if observer is None else row_ranks(table, observer),
    )


def _sum_up(settings: RunSettings, workload: Workload, name: str, scorer: TaskScorer) -> TaskResult:
    task = workload.tasks[name]
    n_shot = task.num_fewshot if settings.num_fewshot is None else settings.num_fewshot
    return summarise(
        task,
        scorer.finish(),
        bootstrap_iterations=settings.bootstrap_iters,
        seed=settings.seed,
        output_path=settings.output_path,
        n_docs=len(task.docs),
        n_shot=n_shot,
    )
