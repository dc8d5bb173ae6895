"""`Loop`: a plan's answers arrive, dialogs go on, documents are scored when their last answer is there."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fasteval.api.request import Kind
from fasteval.errors import DocumentError, RequestError
from fasteval.evaluation.determinism import verify_determinism
from fasteval.evaluation.dialog import Dialogs
from fasteval.evaluation.errorlimit import ErrorLimit, ErrorWatch
from fasteval.evaluation.panel import Panel
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
    from fasteval.judging import Judge
    from fasteval.models.engine import Engine
    from fasteval.requests.table import Row
    from fasteval.results.sample import ScoredDocument
    from fasteval.scheduling import FollowUp, Plan

__all__ = ["Loop"]

_PATIENCE = 0.2  # seconds


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
        judge: what scoring asks about answers.
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
    judge: Judge | None = None
    _panel: Panel | None = field(init=False, default=None)
    _loader: RequestLoader = field(init=False)
    _scorers: dict[str, TaskScorer] = field(init=False)
    _dialogs: dict[str, Dialogs] = field(init=False)

    def __post_init__(self) -> None:
        """Prepares a scorer for each task, and a dialog for each multi-round request that the engine leaves to us."""
        tasks = self.workload.tasks
        self._loader = RequestLoader(self.plan, tasks, self.workload.options)
        if self.judge is not None:
            self._panel = Panel(self.judge, list(tasks.values()))
        self._scorers = {name: self._scorer(name) for name in tasks}
        has_dialogs = Kind.GENERATE_UNTIL_MULTI_ROUND in self.plan.table.kind
        is_ours = has_dialogs and not self.engine.capabilities().runs_dialogs
        self._dialogs = {name: Dialogs(task, self.workload.options) for name, task in tasks.items()} if is_ours else {}

    def run(self) -> dict[str, TaskScorer]:
        """Streams the plan through the engine; returns the tasks' scorers, finished."""
        stream, timeline = self._stream(), self.recorder.timeline
        watch = ErrorWatch(ErrorLimit.parse(self.settings.on_error), self._scorers.values())
        self.monitor.start(self.plan, self.workload.tasks)
        for answers in stream.batches():
            self.recorder.count(answers)
            for name, own in self._by_task(answers).items():
                scorer, final = self._scorers[name], self._proceed(name, own, stream)
                with timeline.stage("scoring"):
                    documents = scorer.receive(final)
                watch.look(scorer)
                self._show(name, documents, stream)
                self.monitor.answered(name, documents, asked=sum(not answer.was_cached for answer in final))
        self.recorder.finish_stream(stream, self.engine, self.cache)
        if self.settings.deterministic and not stream.was_stopped:
            self.monitor.stage("asking a sample again, alone")
            self.recorder.determinism = verify_determinism(self.plan, self._loader, self.engine, self.cache)
        for scorer in self._scorers.values():
            with timeline.stage("scoring"):
                scorer.complete()
            watch.look(scorer)
        if self._panel is not None and self.judge is not None:
            with timeline.stage("scoring"), closing(self._panel):
                self._hear(self._panel, self.judge, watch, stream)
        return self._scorers

    def _hear(self, panel: Panel, judge: Judge, watch: ErrorWatch, stream: Stream) -> None:
        """Waits for the documents that are with the judge, unless an early end is asked for."""
        if judge.runs_here:
            self.engine.close()  # two models have no room beside each other
        panel.begin()
        self.monitor.stage("asking the judge")
        for name, scorer in self._scorers.items():
            while scorer.in_hand and not self.interruption.is_requested:
                documents = scorer.collect(_PATIENCE)
                watch.look(scorer)
                self._show(name, documents, stream)
                self.monitor.answered(name, documents, asked=0)
        self.recorder.finish_judging(judge, was_stopped=self.interruption.is_requested)

    def _stream(self) -> Stream:
        return Stream(
            self.plan,
            self._loader,
            self.engine,
            self.cache,
            fingerprint=self.engine.fingerprint(),
            seed=self.settings.seed,
            window=self.settings.window,
            cache_sampled=self.settings.cache_sampled,
            should_stop=lambda: self.interruption.is_requested,
        )

    def _by_task(self, answers: list[Answer]) -> dict[str, list[Answer]]:
        """Returns the answers by the tasks that they belong to."""
        names = self.plan.table.task_names
        if len(names) == 1:
            return {names[0]: answers}
        own: dict[str, list[Answer]] = {}
        tasks: list[int] = self.plan.table.task[[answer.row for answer in answers]].tolist()
        for task, answer in zip(tasks, answers, strict=True):
            own.setdefault(names[task], []).append(answer)
        return own

    def _proceed(self, name: str, answers: list[Answer], stream: Stream) -> list[Answer]:
        """Hands the next rounds of dialogs to the stream; returns the other answers."""
        if not self._dialogs:
            return answers
        final = []
        for answer in answers:
            outcome: Answer | FollowUp = answer
            if self.plan.table.row_kind(answer.row) is Kind.GENERATE_UNTIL_MULTI_ROUND:
                outcome = self._dialogs[name].proceed(answer, int(self.plan.table.doc[answer.row]))
            if isinstance(outcome, Answer):
                final.append(outcome)
            else:
                stream.add(outcome)
        return final

    def _show(self, name: str, documents: list[ScoredDocument], stream: Stream) -> None:
        """Shows the observer scored documents; leaves out what it wants no more of."""
        if self.observer is None:
            return
        table = self.plan.table
        for document in documents:
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
            panel=self._panel if self._panel is not None and name in self._panel.names else None,
        )

    def _prompt_of(self, row: Row) -> str:
        """Returns the exact text that a row's model was shown."""
        try:
            return self.engine.render(self._loader.prompt(row)[0])
        except (DocumentError, RequestError):  # the answer came from the cache, and the media are not there any more
            return row.prompt.plain_text()
