"""The metrics of one task: functions, options and aggregations, found by name or taken from its folder."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fasteval.api.registry import AGGREGATIONS, METRICS
from fasteval.errors import UsageError
from fasteval.metrics import check_options
from fasteval.tasks.choices import CHOICE_METRICS
from fasteval.tasks.functions import TaskFunction
from fasteval.tasks.judged import is_judged

if TYPE_CHECKING:
    from collections.abc import Callable

    from fasteval.api.registry import MetricEntry
    from fasteval.tasks.config import TaskConfig

_log = logging.getLogger(__name__)

__all__ = ["COMPUTED", "NEEDS_LOGPROBS", "TaskMetric", "check_computable", "resolve_metrics"]

#: Metrics that need log-probabilities rather than texts; the task computes their values itself.
COMPUTED: dict[str, frozenset[str]] = {
    "multiple_choice": frozenset(CHOICE_METRICS),
    "loglikelihood": frozenset({"perplexity", "acc", "bypass"}),
    "loglikelihood_rolling": frozenset({"word_perplexity", "byte_perplexity", "bits_per_byte", "bypass"}),
}


#: Metrics that only log-probabilities have, and texts do not.
NEEDS_LOGPROBS = frozenset().union(*COMPUTED.values()) - {"bypass", "exact_match"}


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


def check_computable(config: TaskConfig) -> None:
    """Checks that the task's metrics can be computed from what the model is asked for.

    Raises:
        TaskFileError: a metric needs log-probabilities, and the task asks for texts.
    """
    if config.process_results is None and config.output_type.startswith("generate"):
        for entry in config.metric_list:
            if isinstance(entry["metric"], str) and entry["metric"] in NEEDS_LOGPROBS:
                reason = "is computed from the choices' log-probabilities, and this task asks for texts"
                raise config.error("metric_list", f"'{entry['metric']}' {reason}: score it with process_results")


def _resolve(config: TaskConfig, entry: dict[str, Any]) -> TaskMetric:
    metric = entry.pop("metric")
    aggregation = entry.pop("aggregation", None)
    higher_is_better = entry.pop("higher_is_better", None)
    fetched = entry.pop("hf_evaluate", None)  # such a task loads, and is refused before it runs
    name = metric if isinstance(metric, str) else _function_name(metric)
    known = None if fetched or is_judged(config, metric) else _known(config, metric, entry)
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
    if computed is not None and options:
        # lm-eval passes them to no function either: its folders give `ignore_case` and the like to accuracies.
        _log.info("%s: the options %s of %s have no effect on log-probabilities", config.task, sorted(options), metric)
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
        if config.process_results is None and not (computed or metric in NEEDS_LOGPROBS):
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
