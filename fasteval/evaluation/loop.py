"""`Loop`: a plan's answers arrive, dialogs go on, documents are scored when their last answer is there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fasteval.api.request import Kind
from fasteval.errors import DocumentError, RequestError
from fasteval.evaluation.determinism import verify_determinism
from fasteval.evaluation.dialog import Dialogs
from fasteval.evaluation.errorlimit import ErrorLimit, ErrorWatch
from fasteval.evaluation.scorer import TaskScorer
from fasteval.scheduling import Answer, RequestLoader, Stream

if TYPE_CHECKING:
    from fasteval.cache import ResponseCache
    from fasteval.evaluation.interruption import Interruption
    from fasteval.evaluation.monitor import Monitor
    from fasteval.evaluation.observer import Observer
    from fasteval.evaluation.recorder import RunRecorder
    from fasteval.evaluation.settings import RunSettings
    from fasteval.evaluation.workload import Workload
    from fasteval.models.engine import Engine
    from fasteval.requests.table import Row
    from fasteval.results.document import ScoredDocument
    from fasteval.scheduling import FollowUp, Plan

__all__ = ["Loop"]


@dataclass(slots=True)
class Loop:
    """Everything that takes part between the plan and the sums.

    Attributes:
        settings: the run.
        workload: its tasks.
        plan: which of their requests must run.
        engine: answers them.
        cache: has the other answers, and gets these.
        recorder: counts and keeps the time.
        monitor: tells people.
        observer: sees each scored document, and may end a task.
        interruption: what may ask for an early end.
    """

    settings: RunSettings
    workload: Workload
    plan: Plan
    engine: Engine
    cache: ResponseCache
    recorder: RunRecorder
    monitor: Monitor
    observer: Observer | None
    interruption: Interruption
    _loader: RequestLoader = field(init=False)
    _scorers: dict[str, TaskScorer] = field(init=False)
    _dialogs: dict[str, Dialogs] = field(init=False)

    def __post_init__(self) -> None:
        """Prepares a scorer for each task, and a dialog for each multi-round request that the engine leaves to us."""
        tasks = self.workload.tasks
        self._loader = RequestLoader(self.plan, tasks)
        self._scorers = {name: self._scorer(name) for name in tasks}
        has_dialogs = Kind.GENERATE_UNTIL_MULTI_ROUND in self.plan.table.kind
        is_ours = has_dialogs and not self.engine.capabilities().runs_dialogs
        self._dialogs = {name: Dialogs(task, self.workload.options) for name, task in tasks.items()} if is_ours else {}

    def run(self) -> dict[str, TaskScorer]:
        """Streams the plan through the engine; returns the tasks' scorers, finished."""
        stream, timeline = self._stream(), self.recorder.timeline
        watch = ErrorWatch(ErrorLimit.parse(self.settings.on_error), self._scorers.values())
        table, names = self.plan.table, self.plan.table.task_names
        self.monitor.start(self.plan, self.workload.tasks)
        for answer in stream:
            self.recorder.count(answer)
            name = names[table.task.item(answer.row)]
            outcome = self._proceed(name, answer)
            if not isinstance(outcome, Answer):
                stream.add(outcome)
                continue
            document = None
            if self._scorers[name].receive(outcome):
                with timeline.stage("scoring"):
                    document = self._scorers[name].score_next()
            watch.look(self._scorers[name])
            self._show(name, document, stream)
            self.monitor.answered(name, document, was_cached=answer.was_cached)
        self.recorder.finish_stream(stream, self.engine, self.cache)
        if self.settings.deterministic and not stream.was_stopped:
            self.monitor.stage("asking a sample again, alone")
            self.recorder.determinism = verify_determinism(self.plan, self._loader, self.engine, self.cache)
        for scorer in self._scorers.values():
            with timeline.stage("scoring"):
                scorer.finish()
            watch.look(scorer)
        return self._scorers

    def _stream(self) -> Stream:
        return Stream(
            self.plan,
            self._loader,
            self.recorder.watch(self.engine, self.monitor.engine_stage),
            self.cache,
            fingerprint=self.engine.fingerprint(),
            seed=self.settings.seed,
            window=self.settings.window,
            cache_sampled=self.settings.cache_sampled,
            should_stop=lambda: self.interruption.is_requested,
        )

    def _proceed(self, name: str, answer: Answer) -> Answer | FollowUp:
        """Returns a dialog's next round, or the answer if there is none."""
        if not self._dialogs or self.plan.table.row_kind(answer.row) is not Kind.GENERATE_UNTIL_MULTI_ROUND:
            return answer
        return self._dialogs[name].proceed(answer, int(self.plan.table.doc[answer.row]))

    def _show(self, name: str, document: ScoredDocument | None, stream: Stream) -> None:
        """Shows the observer a scored document; leaves out what it wants no more of."""
        if self.observer is None or document is None:
            return
        table = self.plan.table
        for task in self.observer.receive(name, document):
            stream.leave_out(np.flatnonzero(table.task == table.task_names.index(task)))

    def _scorer(self, name: str) -> TaskScorer:
        task = self.workload.tasks[name]
        return TaskScorer(
            task,
            self.workload.table,
            show_prompt=self._prompt_of,
            keys=self.plan.keys,
            reasoning_tags=self.settings.reasoning_tags,
            repeats=task.repeats,
            predict_only=self.settings.predict_only,
        )

    def _prompt_of(self, row: Row) -> str:
        """Returns the exact text that a row's model was shown."""
        try:
            return self.engine.render(self._loader.prompt(row)[0])
        except (DocumentError, RequestError):  # the answer came from the cache, and the media are not there any more
            return row.prompt.plain_text()
