"""`Workload`: the tasks of a run, loaded, and all their requests in one table."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from fasteval.api.task import DocumentRequest
from fasteval.errors import TaskError, UnknownNameError, UsageError
from fasteval.models.sampling import SamplingParameters
from fasteval.requests import RequestTable
from fasteval.tasks import TaskManager

if TYPE_CHECKING:
    from collections.abc import Callable

    from fasteval.api.instance import Instance
    from fasteval.api.task import PromptOptions
    from fasteval.evaluation.settings import RunSettings
    from fasteval.results.model import Results
    from fasteval.tasks import ConfigurableTask, Group

__all__ = ["Workload", "compile_workload", "load_tasks"]


@dataclass(frozen=True, slots=True)
class Workload:
    """What is to be evaluated.

    Attributes:
        tasks: by name, in the order in which they were asked for.
        groups: the groups that were asked for, whose results are put together from their tasks'.
        table: all requests of all tasks.
        options: how documents were turned into prompts.
    """

    tasks: dict[str, ConfigurableTask]
    groups: dict[str, Group]
    table: RequestTable
    options: PromptOptions = field(repr=False)

    def instance(self, row: int, *, is_simple: bool = True) -> Instance:
        """Returns the classic view of one row, for models that take media or (not `is_simple`) chat messages."""
        decoded = self.table.row(row)
        request = DocumentRequest(
            decoded.kind, decoded.slot, decoded.prompt, decoded.continuation, decoded.generation_kwargs
        )
        return self.tasks[self.table.task_names[decoded.task]].instance(request, decoded.doc_id, is_simple=is_simple)

    def with_media(self, results: Results) -> Results:
        """Returns the results with what gives their documents' media, for whoever wants to see them."""
        tasks = {name: replace(task, media=partial(_media, self.tasks[name])) for name, task in results.tasks.items()}
        return replace(results, tasks=tasks)

    def documents(self) -> dict[str, dict[str, Any]]:
        """Returns `task_dict[task][split]`: the documents as models that somebody wrote find them."""
        return {name: {task.split: task.docs} for name, task in self.tasks.items()}


def load_tasks(settings: RunSettings, prompt_profile: str) -> Workload:
    """Returns the tasks that the settings name, no documents loaded and no requests compiled.

    Raises:
        UnknownNameError: a task that nobody knows.
        TaskError: a task that cannot be loaded.
    """
    _check_names(settings.gen_kwargs)
    profile = settings.prompt_profile or prompt_profile
    manager = TaskManager(
        include_path=list(settings.include_path),
        datasets=settings.datasets,
        prompt_profile=profile,
        compat=settings.compat,
    )
    tasks = manager.load_task_or_group(list(settings.tasks))
    options = settings.prompt_options(profile)
    for task in tasks.values():
        _override(task, settings)
    return Workload(tasks, manager.groups, RequestTable.empty(), options)


def compile_workload(
    workload: Workload, settings: RunSettings, look: Callable[[RequestTable], None] | None = None
) -> Workload:
    """Returns the workload with the requests of its tasks; `look` sees each task's while there are more to compile.

    Raises:
        TaskError: documents are not there.
    """
    tables: list[RequestTable] = []
    for task in workload.tasks.values():
        if tables and look is not None:
            look(tables[-1])
        tables.append(_compile(task, settings, workload.options))
    table = RequestTable.concatenate(tables)
    if not len(table) and not table.failures:
        raise TaskError(f"nothing to evaluate: --offset {settings.offset} leaves no documents")
    return replace(workload, table=table)


def _check_names(gen_kwargs: dict[str, Any]) -> None:
    """Raises `UnknownNameError` for an option that is the run's mistake, and would be reported as a task file's."""
    try:
        SamplingParameters.from_generation_kwargs(gen_kwargs)
    except UnknownNameError:
        raise
    except UsageError:
        return  # the values only make sense, or none, together with the task's own


def _override(task: ConfigurableTask, settings: RunSettings) -> None:
    """Puts the run's generation kwargs and repeats in the place of the task's own, before requests are made of them."""
    task.runs_unsafe_code = settings.confirm_run_unsafe_code
    if settings.gen_kwargs and task.OUTPUT_TYPE.startswith("generate"):
        task.set_config("generation_kwargs", settings.gen_kwargs, update=True)
    if settings.repeats is not None:
        task.set_config("repeats", settings.repeats)


def _compile(task: ConfigurableTask, settings: RunSettings, options: PromptOptions) -> RequestTable:
    return task.compile(
        options,
        limit=settings.limit,
        offset=settings.offset,
        rank=settings.rank,
        world_size=settings.world_size,
        cache_requests=settings.cache_requests,
        rewrite_requests_cache=settings.rewrite_requests_cache,
    )


def _media(task: ConfigurableTask, doc_id: int) -> list[Any]:
    return task.media(task.docs[doc_id])
