"""Groups: tasks that are reported together, and how their metrics become the group's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fasteval.errors import nearest
from fasteval.tasks.checks import FieldProblem, read_metadata
from fasteval.tasks.loading import TaskFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

__all__ = ["AggregateMetric", "Group", "GroupConfig"]

_AGGREGATE_KEYS = ("metric", "aggregation", "weight_by_size", "filter_list")


@dataclass(frozen=True, slots=True)
class AggregateMetric:
    """One entry of `aggregate_metric_list`.

    Attributes:
        metric: the tasks' metric; only the one of exactly this name.
        aggregation: "mean", or a function of the tasks' values.
        weight_by_size: whether a task counts by the number of its documents, rather than once.
        filter_list: names of the filters whose results are put together.
    """

    metric: str
    aggregation: str | Callable[..., Any] = "mean"
    weight_by_size: bool = True
    filter_list: tuple[str, ...] = ("none",)


@dataclass(frozen=True, slots=True)
class Group:
    """A group whose tasks are loaded.

    Attributes:
        name: the group's name.
        alias: the name in tables.
        members: names of the tasks and groups directly inside it, in order.
        tasks: names of all its tasks, those of groups inside it among them, in order.
        aggregate_metric_list: how the tasks' metrics become the group's; empty where it has none of its own.
        version: the version that its file gives.
    """

    name: str
    alias: str
    members: tuple[str, ...]
    tasks: tuple[str, ...]
    aggregate_metric_list: tuple[AggregateMetric, ...] = ()
    version: int | str = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupConfig:
    """The fields of a group's file.

    Attributes:
        group: its name.
        group_alias: the name in tables.
        task: names of tasks, groups or tags; or mappings with a `task` or `group` and settings that differ.
        aggregate_metric_list: how the tasks' metrics become the group's.
        metadata: `version` is in there.
        source: the file and the fields' lines, for messages.

    A `tag` and a `metric_list` are taken and have no effect, as in lm-eval: a group has its own name, and its
    tasks have the metrics.
    """

    group: str
    group_alias: str | None = None
    task: tuple[str | dict[str, Any], ...] = ()
    aggregate_metric_list: tuple[AggregateMetric, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    source: TaskFile = field(default=TaskFile("group settings"), repr=False, compare=False)

    @classmethod
    def from_file(cls, file: TaskFile) -> Self:
        """Returns the settings that a loaded file holds; runs the aggregations that it names.

        Raises:
            TaskFileError: an unknown field, or one with a value that it cannot have.
        """
        known = ("group", "group_alias", "tag", "metric_list", "task", "aggregate_metric_list", "metadata")
        for name in file.fields:
            if name not in known:
                close = nearest(name, known)
                raise file.error(name, "unknown field of a group" + (f": did you mean '{close}'?" if close else ""))
        own = TaskFile(file.path, {name: file.fields[name] for name in file.fields if name != "task"}, file.places)
        fields = own.run_functions().fields
        if not isinstance(fields.get("group"), str):
            raise file.error("group", "a group needs a name")
        try:
            metadata = read_metadata(fields.get("metadata") or {})
        except FieldProblem as problem:
            raise file.error("metadata", str(problem)) from None
        return cls(
            group=fields["group"],
            group_alias=fields.get("group_alias"),
            task=tuple(_members(file)),
            aggregate_metric_list=tuple(_aggregates(file, fields.get("aggregate_metric_list"))),
            metadata=metadata,
            source=file,
        )


def _members(file: TaskFile) -> list[str | dict[str, Any]]:
    members = file.fields.get("task")
    if not isinstance(members, list) or not members:
        raise file.error("task", "a group needs a list of tasks")
    for member in members:
        if not isinstance(member, str) and not (isinstance(member, dict) and ("task" in member or "group" in member)):
            raise file.error("task", f"expected a name, or a mapping with 'task' or 'group', got {member!r}")
    return members


def _aggregates(file: TaskFile, entries: Any) -> list[AggregateMetric]:
    name = "aggregate_metric_list"
    if entries is None:
        return []
    metrics = []
    for entry in entries if isinstance(entries, list) else [entries]:
        if not isinstance(entry, dict) or not isinstance(entry.get("metric"), str):
            raise file.error(name, f"expected a mapping with a 'metric', got {entry!r}")
        for key in entry:
            if key not in _AGGREGATE_KEYS:
                close = nearest(str(key), _AGGREGATE_KEYS)
                raise file.error(name, f"unknown key '{key}'" + (f": did you mean '{close}'?" if close else ""))
        aggregation = entry.get("aggregation", "mean")
        if aggregation != "mean" and not callable(aggregation):
            raise file.error(name, f"the aggregation is 'mean' or a function, got {aggregation!r}")
        if not isinstance(entry.get("weight_by_size", True), bool):
            raise file.error(name, "weight_by_size must be true or false")
        filters = entry.get("filter_list", ["none"])
        names = (filters,) if isinstance(filters, str) else tuple(filters)
        metrics.append(AggregateMetric(entry["metric"], aggregation, entry.get("weight_by_size", True), names))
    return metrics
