"""The metrics of one task: functions, options and aggregations, found by name or taken from its folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fasteval.api.registry import AGGREGATIONS, METRICS
from fasteval.errors import UsageError
from fasteval.metrics import check_options
from fasteval.tasks.functions import TaskFunction

if TYPE_CHECKING:
    from collections.abc import Callable

    from fasteval.api.registry import MetricEntry
    from fasteval.tasks.config import TaskConfig

__all__ = ["COMPUTED", "TaskMetric", "resolve_metrics"]

#: Metrics that need log-probabilities rather than texts; the task computes their values itself.
COMPUTED: dict[str, frozenset[str]] = {
    "multiple_choice": frozenset({"acc", "acc_norm", "exact_match", "f1", "mcc", "brier_score", "bypass"}),
    "loglikelihood": frozenset({"perplexity", "acc", "bypass"}),
    "loglikelihood_rolling": frozenset({"word_perplexity", "byte_perplexity", "bits_per_byte", "bypass"}),
}


@dataclass(frozen=True, slots=True)
class TaskMetric:
    """One entry of `metric_list`.

    Attributes:
        name: its name in results.
        function: scores one document's answers; None where the task's `process_results` gives the value.
        aggregation: turns the documents' values into the result.
        higher_is_better: direction.
        options: further arguments of `function`.
    """

    name: str
    function: Callable[..., Any] | None
    aggregation: Callable[..., Any]
    higher_is_better: bool
    options: dict[str, Any] = field(default_factory=dict)


def resolve_metrics(config: TaskConfig) -> list[TaskMetric]:
    """Returns the task's metrics.

    Where `process_results` is the task's own, a metric is only a name and an aggregation (`mean` where none is given),
    and need not be registered.

    Raises:
        TaskFileError: a metric or an aggregation that is not known, or that does not go with the output type.
    """
    return [_resolve(config, dict(entry)) for entry in config.metric_list]


def _resolve(config: TaskConfig, entry: dict[str, Any]) -> TaskMetric:
    metric = entry.pop("metric")
    aggregation = entry.pop("aggregation", None)
    higher_is_better = entry.pop("higher_is_better", None)
    entry.pop("hf_evaluate", None)  # false here: anything else was refused when the file was loaded
    name = metric if isinstance(metric, str) else _function_name(metric)
    known = _known(config, metric, entry)
    if aggregation is None:
        aggregation = "mean" if known is None else known.aggregation
    if higher_is_better is None:
        higher_is_better = True if known is None else known.higher_is_better
    function: Callable[..., Any] | None = known.function if known is not None else None
    if not isinstance(metric, str):
        function = metric
    return TaskMetric(name, function, _aggregation(config, aggregation), higher_is_better, entry)


def _known(config: TaskConfig, metric: Any, options: dict[str, Any]) -> MetricEntry | None:
    """Returns the registered entry; None for the task's own functions and names."""
    computed = COMPUTED.get(config.output_type)
    if not isinstance(metric, str) or (config.process_results is not None and metric not in METRICS):
        if computed is not None and config.process_results is None:
            raise config.error("metric_list", f"a {config.output_type} task cannot use a metric of its own on texts")
        return None
    if computed is not None and config.process_results is None and metric not in computed:
        raise config.error(
            "metric_list",
            f"'{metric}' does not go with the output type {config.output_type}; it has {', '.join(sorted(computed))}",
        )
    try:
        if config.process_results is None:
            check_options(metric, options)
        return METRICS.get(metric)
    except UsageError as error:
        raise config.error("metric_list", str(error)) from error


def _aggregation(config: TaskConfig, aggregation: Any) -> Callable[..., Any]:
    if callable(aggregation):
        return aggregation  # type: ignore[no-any-return]  # any callable
    try:
        return AGGREGATIONS.get(str(aggregation))
    except UsageError as error:
        raise config.error("metric_list", str(error)) from error


def _function_name(function: Any) -> str:
    target = function.target if isinstance(function, TaskFunction) else function
    return str(getattr(target, "__name__", type(target).__name__))
