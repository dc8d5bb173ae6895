"""`Monitor`: tells a progress display and callbacks how far a run is, and how it looks so far."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from fasteval.evaluation.callbacks import Callbacks
from fasteval.metrics.averages import mean
from fasteval.results.pace import RunningScore, TaskLoad

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fasteval.evaluation.callbacks import Callback
    from fasteval.results.model import Results
    from fasteval.results.progress import Progress
    from fasteval.results.sample import ScoredDocument
    from fasteval.results.statistics import Timeline
    from fasteval.scheduling import Plan
    from fasteval.tasks import ConfigurableTask

__all__ = ["Monitor"]

_SECONDS_BETWEEN = 0.25
# A tuple: a union would be made anew for each document.
_NUMBERS = (float, int, np.number)


class Monitor:
    """Passes on what a run does. Scores are counted at every document and shown a few times a second."""

    def __init__(
        self,
        progress: Progress,
        timeline: Timeline,
        callbacks: Iterable[Callback] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Tells `progress` and `callbacks`; `timeline` knows where the time goes, `clock` gives seconds."""
        self._progress, self._timeline, self._clock = progress, timeline, clock
        self._callbacks = Callbacks(callbacks)
        self._scores: dict[str, RunningScore] = {}
        self._told: dict[str, set[int]] = defaultdict(set)
        self._stage = ""
        self._last_time = -_SECONDS_BETWEEN
        self._before: Mapping[str, float] = {}

    def stage(self, name: str) -> None:
        """Says what the run is doing now; once, however often it is said."""
        if name != self._stage:
            self._stage = name
            self._progress.stage(name)

    def engine_stage(self, stage: str | None) -> None:
        """Says what the engine is doing: "start", "engine", or nothing."""
        if stage is not None:
            self.stage("starting the engine" if stage == "start" else "evaluating")

    def start(self, plan: Plan, tasks: Mapping[str, ConfigurableTask]) -> None:
        """Says how much there is to do."""
        self.stage("evaluating")
        names = plan.table.task_names
        totals = np.bincount(plan.table.task, minlength=len(names)).tolist()
        cached = np.bincount(plan.table.task[plan.cached], minlength=len(names)).tolist()
        loads = {name: TaskLoad(*counts) for name, *counts in zip(names, totals, cached, strict=True)}
        self._scores = {name: RunningScore(metric) for name in tasks if (metric := _mean_metric(tasks[name]))}
        self._before = self._timeline.seconds()
        self._progress.start(loads)
        self._callbacks.on_start({name: load.total for name, load in loads.items()})

    def answered(self, task: str, documents: Sequence[ScoredDocument], *, asked: int) -> None:
        """Takes the documents that answers were the last ones of; `asked` of the answers are the engine's."""
        self._tell(task, documents)
        if asked:
            self._progress.advance(asked, task)
        if documents and self._clock() - self._last_time >= _SECONDS_BETWEEN:
            self._last_time = self._clock()
            self._show(task)

    def finished(self, task: str, documents: Iterable[ScoredDocument]) -> None:
        """Takes all documents of a task; those that were not told of before are told now."""
        if self._callbacks:
            self._tell(task, [document for document in documents if document.doc_id not in self._told[task]])
        if task in self._scores and self._scores[task].count:
            self._progress.score(task, self._scores[task])

    def end(self, results: Results) -> None:
        """Ends the display and hands out the results."""
        self._progress.stop()
        self._callbacks.on_end(results)

    def _tell(self, task: str, documents: Sequence[ScoredDocument]) -> None:
        score = self._scores.get(task)
        if score is not None:
            for document in documents:
                value = next(iter(document.values.values()), {}).get(score.metric)
                if isinstance(value, _NUMBERS):
                    score.add(float(value))
        for document in documents if self._callbacks else ():
            self._told[task].add(document.doc_id)
            self._callbacks.on_document(task, document)

    def _show(self, task: str) -> None:
        score = self._scores.get(task)
        if score is not None and score.count:
            self._progress.score(task, score)
        spent = {stage: seconds - self._before.get(stage, 0) for stage, seconds in self._timeline.seconds().items()}
        spent.pop("start", None)
        total = sum(spent.values())
        if total > 0:
            stage = max(spent, key=lambda name: spent[name])
            self._progress.bottleneck(f"{stage} {spent[stage] / total:.0%} of the time")


def _mean_metric(task: ConfigurableTask) -> str | None:
    """Returns the first metric that is a plain mean over documents: of others a running mean would say nothing."""
    return next((name for name, function in task.aggregation().items() if function is mean), None)
