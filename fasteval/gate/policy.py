"""`Policy`: what a candidate must hold, read from a YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from fasteval.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Policy", "TaskPolicy", "read_policy"]

_LEVELS = ("critical", "advisory")
_KEYS = ("confidence", "defaults", "tasks")
_LIMITS = ("floor", "ceiling", "max_drop", "max_truncated")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPolicy:
    """What one task must hold. Numbers are in the metric's own units; a drop is a worsening, whichever way that is.

    Attributes:
        level: "critical", or "advisory" for what is reported and decides nothing.
        metric: "metric" or "metric,filter"; None takes the task's first.
        floor: the lowest value allowed; for metrics of which more is better.
        ceiling: the highest value allowed; for metrics of which less is better.
        max_drop: by how much the candidate may be worse than the baseline.
        max_truncated: the largest share of answers that may end because of their length limit.
        score_range: the lowest and the highest score that a document can have, for runs that may stop early.
    """

    level: str = "critical"
    metric: str | None = None
    floor: float | None = None
    ceiling: float | None = None
    max_drop: float | None = None
    max_truncated: float | None = None
    score_range: Sequence[float] = (0, 1)

    def __post_init__(self) -> None:
        """Refuses what means nothing."""
        if self.level not in _LEVELS:
            raise UsageError(f"level: {self.level!r} is not one of {', '.join(_LEVELS)}")
        if self.metric is not None and not isinstance(self.metric, str):
            raise UsageError(f"metric: {self.metric!r} is no name")
        for name, value in self.limits.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise UsageError(f"{name}: {value!r} is no number")
        if self.max_drop is not None and self.max_drop < 0:
            raise UsageError(f"max_drop: {self.max_drop} is negative; 0 allows no drop")
        if self.max_truncated is not None and not 0 <= self.max_truncated <= 1:
            raise UsageError(f"max_truncated: {self.max_truncated} is no share between 0 and 1")
        if not _is_range(self.score_range):
            raise UsageError(f"score_range: {self.score_range!r} is not of the form [lowest, highest]")
        if self.floor is not None and self.ceiling is not None:
            raise UsageError("floor and ceiling: a metric has one direction, and so one of the two")

    @property
    def is_critical(self) -> bool:
        """Whether it decides."""
        return self.level == "critical"

    @property
    def limits(self) -> dict[str, float]:
        """The limits that are set, by name."""
        return {name: getattr(self, name) for name in _LIMITS if getattr(self, name) is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a candidate must hold.

    Attributes:
        tasks: by name.
        confidence: of every statement about a drop.
    """

    tasks: Mapping[str, TaskPolicy]
    confidence: float = 0.95

    def __post_init__(self) -> None:
        """Refuses what could not decide."""
        if not isinstance(self.confidence, int | float) or not 0.5 < self.confidence < 1:
            raise UsageError(f"confidence: {self.confidence!r} does not lie between 0.5 and 1")
        if not any(task.is_critical for task in self.tasks.values()):
            raise UsageError("tasks: no task is critical, so that nothing could ever be refused")

    @property
    def critical_limits(self) -> int:
        """How many limits could lead to a NO-GO."""
        return sum(len(task.limits) for task in self.tasks.values() if task.is_critical)


def _is_range(value: Any) -> bool:
    numbers = isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(end, int | float) for end in value)
    return numbers and value[0] < value[1]


def read_policy(path: Path) -> Policy:
    """Returns the policy in a YAML file.

    Raises:
        UsageError: the file cannot be read, or says something that means nothing; the text says where.
        UnknownNameError: a key that does not exist; offers the nearest.
    """
    from fasteval.safety.yaml_loader import read_yaml

    entries = _mapping(read_yaml(path, "the policy"), f"{path}", _KEYS)
    names = [field.name for field in fields(TaskPolicy)]
    defaults = _mapping(entries.get("defaults"), f"{path}: defaults", names)
    own = _mapping(entries.get("tasks"), f"{path}: tasks")
    if not own:
        raise UsageError(f"{path}: tasks: no task is named")
    tasks: dict[str, TaskPolicy] = {}
    for name, value in own.items():
        place = f"{path}: tasks: {name}"
        try:
            tasks[str(name)] = TaskPolicy(**(defaults | _mapping(value, place, names)))
        except UsageError as error:
            raise error if isinstance(error, UnknownNameError) else UsageError(f"{place}: {error}") from None
        if not tasks[str(name)].limits:
            raise UsageError(f"{place}: no limit is set: give it floor, ceiling, max_drop or max_truncated")
    try:
        return Policy(tasks=tasks, **({"confidence": entries["confidence"]} if "confidence" in entries else {}))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def _mapping(value: Any, place: str, known: Any = None) -> dict[str, Any]:
    """Returns a mapping as it is, nothing as an empty one; refuses keys that are not `known`."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UsageError(f"{place}: expected keys with values, got {value!r}")
    for key in value if known is not None else ():
        if key not in known:
            raise UnknownNameError("key", str(key), known, hint=f"in {place}; it has {', '.join(known)}")
    return dict(value)
