"""`compare_runs`: a base run and one candidate or several become a `Comparison`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fasteval.comparison.comparable import mismatches, notes
from fasteval.comparison.difference import PairedScores
from fasteval.comparison.documents import documents_of, metric_keys
from fasteval.comparison.holm import holm
from fasteval.comparison.model import Comparison, ComparisonOptions, Flip, ScoreComparison, TaskComparison
from fasteval.comparison.pairing import category_column, cluster_codes, pair_documents
from fasteval.errors import IncomparableError, SavedResultsError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fasteval.comparison.documents import RunDocument
    from fasteval.comparison.pairing import Pairs
    from fasteval.results.saved import SavedRun

__all__ = ["choose_metric", "compare_runs", "compare_task", "paired_scores"]


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
    remarks: dict[str, None] = {}
    for position, candidate in enumerate(candidates):
        remarks |= dict.fromkeys(notes(base, candidate))
        for name in dict.fromkeys([*base.tasks, *candidate.tasks]):
            reason = _cannot(base, candidate, name)
            if reason:
                skipped.append(f"{name}: {reason}")
                continue
            pairs = pair_documents(*(documents_of(run.tasks[name]) for run in (base, candidate)))
            if not pairs.both:
                skipped.append(f"{name}: no document has a score in both runs")
                continue
            differing += [str(mismatch) for mismatch in mismatches(base, candidate, name, pairs.both)]
            if not differing or options.force:
                tasks.append(compare_task(base, candidate, name, pairs, options, position))
    if differing and not options.force:
        raise IncomparableError("these runs cannot be compared (--force compares anyway): " + "; ".join(differing))
    if not tasks:
        raise SavedResultsError("nothing to compare: " + ("; ".join(skipped) or "the runs have no tasks"))
    return Comparison(
        alpha=options.alpha,
        base=(base.label, base.path),
        candidates=[(run.label, run.path) for run in candidates],
        tasks=_corrected(tasks),
        skipped=skipped,
        forced=differing,
        notes=list(remarks),
    )


def compare_task(
    base: SavedRun, candidate: SavedRun, name: str, pairs: Pairs, options: ComparisonOptions, position: int = 0
) -> TaskComparison:
    """Returns the comparison of one task, its p-values uncorrected."""
    keys, textual = _metrics(base, candidate, name, pairs)
    main = choose_metric(keys, options.metric, name)
    column = category_column([first for first, _ in pairs.both], options.category)
    cluster = base.tasks[name].config.get("cluster_key") if options.cluster is None else options.cluster or None
    categories = []
    for value in () if column is None else dict.fromkeys(_category(first, column) for first, _ in pairs.both):
        members = [pair for pair in pairs.both if _category(pair[0], column) == value and main in pair[0].values]
        if members:
            categories.append(_score(base, candidate, name, main, members, cluster, options, label=value))
    missing = cluster is not None and not any(cluster in first.columns for first, _ in pairs.both)
    return TaskComparison(
        task=name,
        candidate=position,
        main=_score(base, candidate, name, main, pairs.both, cluster, options),
        category_column=column,
        categories=categories,
        others=[_score(base, candidate, name, key, pairs.both, cluster, options) for key in keys if key != main],
        flips=_flips(pairs.both, main, column),
        unpaired=pairs.unpaired,
        errors=pairs.errors,
        not_compared=textual,
        remarks=[f"the samples lack {cluster}: documents are taken for independent"] if missing else [],
    )


def paired_scores(
    pairs: Sequence[tuple[RunDocument, RunDocument]], key: str, cluster: str | None, seed: int
) -> PairedScores:
    """Returns the scores of the pairs that both have a number under `key`, of which there is at least one."""
    both = [(first, second) for first, second in pairs if key in first.values and key in second.values]
    base, candidate = (np.array([pair[side].values[key] for pair in both], np.float64) for side in (0, 1))
    return PairedScores(base, candidate, cluster_codes([first for first, _ in both], cluster), seed)


def _cannot(base: SavedRun, candidate: SavedRun, name: str) -> str:
    for run, which in ((base, "base"), (candidate, "candidate")):
        if name not in run.tasks:
            return f"not in the {which} run {run.path}".rstrip()
        if not run.tasks[name].samples:
            return f"the {which} run {run.path} has no samples file of it"
    return ""


def _metrics(base: SavedRun, candidate: SavedRun, name: str, pairs: Pairs) -> tuple[list[str], list[str]]:
    """Returns the keys that documents have numbers for in both runs, and the results' keys that they have none for."""
    numbers = [{key: None for pair in pairs.both for key in pair[side].values} for side in (0, 1)]
    known = [key for key in metric_keys(base.tasks[name]) if key in metric_keys(candidate.tasks[name])]
    keys = [key for key in [*known, *numbers[0]] if key in numbers[0] and key in numbers[1]]
    return list(dict.fromkeys(keys)), [key for key in known if key not in keys]


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


def _score(
    base: SavedRun,
    candidate: SavedRun,
    name: str,
    key: str,
    pairs: Sequence[tuple[RunDocument, RunDocument]],
    cluster: str | None,
    options: ComparisonOptions,
    label: str | None = None,
) -> ScoreComparison:
    scores = paired_scores(pairs, key, cluster, options.seed)
    low, high = scores.interval(1 - options.alpha)
    directions = base.tasks[name].facts.get("higher_is_better") or {}
    means = (float(scores.base.mean()), float(scores.candidate.mean()))
    return ScoreComparison(
        name=key if label is None else label,
        count=scores.count,
        clusters=len(scores.clusters.sums) if scores.is_clustered else None,
        base=means[0],
        candidate=means[1],
        difference=scores.mean,
        low=low,
        high=high,
        p_value=scores.p_value,
        method=scores.method,
        mcnemar=scores.mcnemar,
        detectable=scores.detectable(options.alpha),
        gained=scores.gained,
        lost=scores.lost,
        higher_is_better=bool(directions.get(key.partition(",")[0], True)),
        reported=None if label is not None else _reported(base, candidate, name, key, means),
    )


def _reported(
    base: SavedRun, candidate: SavedRun, name: str, key: str, means: tuple[float, float]
) -> tuple[float, float] | None:
    """Returns the values of the results files, if they are numbers that are not the means of the documents."""
    values = (base.tasks[name].values.get(key), candidate.tasks[name].values.get(key))
    if not all(isinstance(value, int | float) for value in values):
        return None
    reported = (float(values[0] or 0), float(values[1] or 0))
    return None if np.allclose(reported, means, rtol=1e-6, atol=1e-9) else reported


def _category(document: RunDocument, column: str | None) -> str:
    return "" if column is None else str(document.columns.get(column, ""))


def _flips(pairs: Sequence[tuple[RunDocument, RunDocument]], key: str, column: str | None) -> list[Flip]:
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


def _corrected(tasks: Sequence[TaskComparison]) -> list[TaskComparison]:
    """Returns the tasks with Holm's correction of the scores that decide."""
    adjusted = holm([task.main.p_value for task in tasks])
    return [replace(task, main=replace(task.main, adjusted=value)) for task, value in zip(tasks, adjusted, strict=True)]
