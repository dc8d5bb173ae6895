"""`compare_runs`: a base run and one candidate or several become a `Comparison`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fasteval.comparison.comparable import mismatches, notes
from fasteval.comparison.difference import PairedScores
from fasteval.comparison.documents import category_column, cluster_codes, documents_of, pair_documents
from fasteval.comparison.model import Comparison, ComparisonOptions, Flip, ScoreComparison, TaskComparison
from fasteval.errors import IncomparableError, SavedResultsError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fasteval.comparison.documents import Pair, Pairs, RunDocument
    from fasteval.results.saved import SavedRun, SavedTask

__all__ = ["choose_metric", "compare_runs", "holm", "paired_scores"]


def compare_runs(base: SavedRun, candidates: Sequence[SavedRun], options: ComparisonOptions) -> Comparison:
    """Returns what is different in each candidate, task by task.

    Raises:
        IncomparableError: prompts, data, scoring or generation differ, and `force` is not set; names all that differs.
        SavedResultsError: the runs share no task, or have no samples.
        UnknownNameError: no task has the metric, or no document the column, that the options name.
    """
    if not 0 < options.alpha < 1:
        raise UsageError(f"--alpha must lie between 0 and 1, got {options.alpha}")
    tasks: list[TaskComparison] = []
    skipped: list[str] = []
    differing: list[str] = []
    for position, candidate in enumerate(candidates):
        for name in dict.fromkeys([*base.tasks, *candidate.tasks]):
            reason = _cannot(base, candidate, name)
            if reason:
                skipped.append(f"{name}: {reason}")
                continue
            first, second = base.tasks[name], candidate.tasks[name]
            pairs = pair_documents(documents_of(first), documents_of(second))
            if not pairs.both:
                skipped.append(f"{name}: no document has a score in both runs")
                continue
            differing += mismatches(base, candidate, name, pairs.both)
            if not differing or options.force:
                tasks.append(_PairedTask(first, second, pairs, options).comparison(position))
    if differing and not options.force:
        raise IncomparableError("these runs cannot be compared (--force compares anyway): " + "; ".join(differing))
    if not tasks:
        raise SavedResultsError("nothing to compare: " + ("; ".join(skipped) or "the runs have no tasks"))
    adjusted = holm([task.main.p_value for task in tasks])
    return Comparison(
        alpha=options.alpha,
        base=(base.label, base.path),
        candidates=[(run.label, run.path) for run in candidates],
        tasks=[replace(task, main=replace(task.main, adjusted=p)) for task, p in zip(tasks, adjusted, strict=True)],
        skipped=skipped,
        forced=differing,
        notes=list(dict.fromkeys(note for candidate in candidates for note in notes(base, candidate))),
    )


def _cannot(base: SavedRun, candidate: SavedRun, name: str) -> str:
    for run, which in ((base, "base"), (candidate, "candidate")):
        if name not in run.tasks:
            return f"not in the {which} run {run.path}".rstrip()
        if not run.tasks[name].samples:
            return f"the {which} run {run.path} has no samples file of it"
    return ""


class _PairedTask(NamedTuple):
    """One task of the base and of a candidate, its documents paired."""

    base: SavedTask
    candidate: SavedTask
    pairs: Pairs
    options: ComparisonOptions

    def comparison(self, position: int) -> TaskComparison:
        """Returns the comparison with the candidate at `position`, its p-values uncorrected."""
        both, documents = self.pairs.both, [first for first, _ in self.pairs.both]
        keys, textual = self._metrics()
        main = choose_metric(keys, self.options.metric, self.base.name)
        column = category_column(documents, self.options.category)
        categories: dict[str, list[Pair]] = {}
        for pair in both if column is not None else ():
            members = categories.setdefault(_category(pair[0], column), [])
            if main in pair[0].values:
                members.append(pair)
        missing = self.cluster is not None and not any(self.cluster in document.columns for document in documents)
        return TaskComparison(
            task=self.base.name,
            candidate=position,
            main=self._score(main, both),
            category_column=column,
            categories=[self._score(main, members, label=value) for value, members in categories.items() if members],
            others=[self._score(key, both) for key in keys if key != main],
            flips=_flips(both, main, column),
            unpaired=self.pairs.unpaired,
            errors=self.pairs.errors,
            not_compared=textual,
            remarks=[f"the samples lack {self.cluster}: documents are taken for independent"] if missing else [],
        )

    @property
    def cluster(self) -> str | None:
        """The column whose equal values belong together."""
        return self.base.cluster_key if self.options.cluster is None else self.options.cluster or None

    def _metrics(self) -> tuple[list[str], list[str]]:
        """Returns the keys that documents have numbers for in both, and the results' keys that they have none for."""
        numbers = [{key: None for pair in self.pairs.both for key in pair[side].values} for side in (0, 1)]
        known = [key for key in self.base.metric_keys if key in self.candidate.metric_keys]
        keys = [key for key in dict.fromkeys([*known, *numbers[0]]) if key in numbers[0] and key in numbers[1]]
        return keys, [key for key in known if key not in keys]

    def _score(self, key: str, pairs: Sequence[Pair], label: str | None = None) -> ScoreComparison:
        scores = paired_scores(pairs, key, self.cluster, self.options.seed)
        low, high = scores.interval(1 - self.options.alpha)
        base, candidate = float(scores.base.mean()), float(scores.candidate.mean())
        return ScoreComparison(
            name=key if label is None else label,
            count=scores.count,
            clusters=len(scores.clusters.sums) if scores.is_clustered else None,
            base=base,
            candidate=candidate,
            difference=scores.mean,
            low=low,
            high=high,
            p_value=scores.p_value,
            method=scores.method,
            mcnemar=scores.mcnemar,
            detectable=scores.detectable(self.options.alpha),
            gained=scores.gained,
            lost=scores.lost,
            higher_is_better=self.base.higher_is_better(key),
            reported=None if label is not None else self._reported(key, (base, candidate)),
        )

    def _reported(self, key: str, means: tuple[float, float]) -> tuple[float, float] | None:
        """Returns the values of the results files, if they are numbers that are not the means of the documents."""
        base, candidate = self.base.values.get(key), self.candidate.values.get(key)
        if not isinstance(base, int | float) or not isinstance(candidate, int | float):
            return None
        reported = (float(base), float(candidate))
        return None if np.allclose(reported, means, rtol=1e-6, atol=1e-9) else reported


def paired_scores(pairs: Sequence[Pair], key: str, cluster: str | None, seed: int) -> PairedScores:
    """Returns the scores of the pairs that both have a number under `key`, of which there is at least one."""
    both = [(first, second) for first, second in pairs if key in first.values and key in second.values]
    base, candidate = (np.array([pair[side].values[key] for pair in both], np.float64) for side in (0, 1))
    return PairedScores(base, candidate, cluster_codes([first for first, _ in both], cluster), seed)


def choose_metric(keys: Sequence[str], wanted: str | None, task: str) -> str:
    """Returns the wanted one of a task's "metric,filter" names, or the first.

    Raises:
        UnknownNameError: there is none of the wanted name.
        SavedResultsError: there is none at all.
    """
    if not keys:
        raise SavedResultsError(f"{task}: no metric has a number for each document in both runs: nothing to pair")
    if wanted is None:
        return keys[0]
    for key in keys:
        if wanted in (key, key.partition(",")[0]):
            return key
    raise UnknownNameError("metric", wanted, [*keys, *(key.partition(",")[0] for key in keys)], hint=f"of {task}")


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns the adjusted p-values, in the given order (Holm 1979, Scandinavian Journal of Statistics 6:65).

    Whoever calls a difference real where the adjusted value is below alpha is wrong about any of them with a
    probability of at most alpha, however the tests depend on each other.
    """
    adjusted = [1.0] * len(p_values)
    floor = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = floor
    return adjusted


def _category(document: RunDocument, column: str | None) -> str:
    return "" if column is None else str(document.columns.get(column, ""))


def _flips(pairs: Sequence[Pair], key: str, column: str | None) -> list[Flip]:
    filter_name = key.partition(",")[2]
    return [
        Flip(
            doc_id=first.doc_id,
            category=_category(first, column),
            base=first.values[key],
            candidate=second.values[key],
            base_answer=first.answers.get(filter_name),
            candidate_answer=second.answers.get(filter_name),
            target=first.target,
            prompt=first.prompt,
        )
        for first, second in pairs
        if key in first.values and key in second.values and first.values[key] != second.values[key]
    ]
