"""Scored documents become a task's numbers. Pure functions: merged ranks and single runs take the same way."""

from __future__ import annotations

import inspect
from collections import defaultdict
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from fasteval.metrics.stderr import standard_error
from fasteval.results.model import GroupResult, TaskResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from fasteval.results.sample import ScoredDocument
    from fasteval.tasks import AggregateMetric, ConfigurableTask, Group

__all__ = ["group_results", "merge", "summarise"]


def merge(ranks: Iterable[Sequence[ScoredDocument]]) -> list[ScoredDocument]:
    """Returns the documents of all ranks in document order."""
    return sorted((document for rank in ranks for document in rank), key=lambda document: document.doc_id)


def summarise(
    task: ConfigurableTask,
    documents: Sequence[ScoredDocument],
    *,
    bootstrap_iterations: int,
    seed: int,
    output_path: Path | None = None,
    n_docs: int,
    n_shot: int,
) -> TaskResult:
    """Returns a task's result: each metric under each filter, aggregated in document order, with its standard error.

    Args:
        task: the task.
        documents: its scored documents, in document order; failed ones are counted and left out of the metrics.
        bootstrap_iterations: draws where a standard error has no closed form.
        seed: what they are drawn from.
        output_path: handed to aggregations that write a submission file.
        n_docs: documents in the split.
        n_shot: few-shot examples before each question.
    """
    direction = task.higher_is_better()
    metrics, stderrs, failures = _aggregated(task, documents, output_path, bootstrap_iterations, seed)
    return TaskResult(
        name=task.name,
        alias=task.alias,
        version=task.VERSION,
        n_shot=n_shot,
        n_docs=n_docs,
        n_effective=len(documents),
        errors=sum(document.error is not None for document in documents),
        metrics=metrics,
        stderrs=stderrs,
        higher_is_better={metric: direction.get(metric, True) for metric in task.aggregation()},
        config=task.config_for_results() | {"code_digest": task.config.code_digest()},
        documents=documents,
        fingerprint=task.fingerprint,
        failures=tuple(failures),
    )


def _aggregated(
    task: ConfigurableTask, documents: Sequence[ScoredDocument], output_path: Path | None, draws: int, seed: int
) -> tuple[dict[str, Any], dict[str, float | str], list[str]]:
    """Returns the metrics, their standard errors, and a line for each metric that could not be aggregated."""
    metrics: dict[str, Any] = {}
    stderrs: dict[str, float | str] = {}
    failures: list[str] = []
    aggregation = task.aggregation()
    for (metric, filter_name), (values, clusters) in _columns(documents).items():
        if metric not in aggregation:
            continue  # a value that is only written to the samples
        key, function = f"{metric},{filter_name}", aggregation[metric]
        try:
            metrics[key] = _aggregate(function, values, output_path)
            stderr = standard_error(function, values, clusters=clusters, bootstrap_iterations=draws, seed=seed)
        except Exception as error:  # noqa: BLE001 - task code may raise anything; the other metrics and tasks stand
            reason = f"{key}: aggregation failed: {type(error).__name__}: {error}"
            failures.append(str(task.config.error("metric_list", reason)))
        else:
            stderrs[f"{metric}_stderr,{filter_name}"] = "N/A" if stderr is None else stderr
    return metrics, stderrs, failures


def _columns(
    documents: Sequence[ScoredDocument],
) -> dict[tuple[str, str], tuple[list[Any], list[Any] | None]]:
    """Returns for each metric and filter the documents' values, and their clusters if the task names any."""
    values: dict[tuple[str, str], list[Any]] = defaultdict(list)
    clusters: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for document in documents:
        for filter_name, metrics in document.values.items():
            for metric, value in metrics.items():
                values[metric, filter_name].append(value)
                clusters[metric, filter_name].append(document.cluster)
    return {
        key: (column, clusters[key] if any(label is not None for label in clusters[key]) else None)
        for key, column in values.items()
    }


def _aggregate(function: Callable[..., Any], values: list[Any], output_path: Path | None) -> Any:
    """Calls an aggregation; one that has a parameter `args` gets an object with `output_path`, as in lmms-eval."""
    try:
        takes_args = "args" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # some built-in functions have no signature
        takes_args = False
    if takes_args:
        return function(values, args=SimpleNamespace(output_path=str(output_path or ".")))
    return function(values)


def group_results(groups: Mapping[str, Group], tasks: Mapping[str, TaskResult]) -> dict[str, GroupResult]:
    """Returns the results of the groups: metrics that a group asks for, averaged over its tasks.

    A group's metric is matched by its full name (lmms-eval matches substrings, so that "acc" takes "acc_norm" along).
    """
    return {name: _group_result(group, tasks) for name, group in groups.items()}


def _group_result(group: Group, tasks: Mapping[str, TaskResult]) -> GroupResult:
    leaves = [tasks[name] for name in group.tasks]
    metrics: dict[str, Any] = {}
    direction: dict[str, bool] = {}
    for entry in group.aggregate_metric_list:
        for filter_name in entry.filter_list:
            key = f"{entry.metric},{filter_name}"
            having = [task for task in leaves if isinstance(task.metrics.get(key), int | float)]
            if not having:
                continue
            values = [float(task.metrics[key]) for task in having]
            sizes = [task.n_effective - task.errors for task in having]
            metrics[key] = _aggregate_group(entry, values, sizes)
            direction[entry.metric] = having[0].higher_is_better.get(entry.metric, True)
    return GroupResult(
        name=group.name,
        alias=group.alias,
        version=group.version,
        members=group.members,
        metrics=metrics,
        higher_is_better=direction,
    )


def _aggregate_group(entry: AggregateMetric, values: list[float], sizes: list[int]) -> Any:
    if callable(entry.aggregation):
        return entry.aggregation(values, sizes)
    weights = sizes if entry.weight_by_size else [1] * len(values)
    return sum(value * weight for value, weight in zip(values, weights, strict=True)) / (sum(weights) or 1)
