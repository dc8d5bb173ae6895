"""The filters of one task: `filter_list` becomes filters, by name or from the task's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasteval.errors import UsageError
from fasteval.filters import FilterPipeline
from fasteval.tasks.functions import TaskFunction

if TYPE_CHECKING:
    from fasteval.tasks.config import TaskConfig

__all__ = ["build_filters"]

_DEFAULT: list[dict[str, Any]] = [{"name": "none", "filter": [{"function": "take_first"}]}]


def build_filters(config: TaskConfig) -> list[FilterPipeline]:
    """Returns the pipeline of each entry, made anew; by default `none`, which takes the first answer.

    Raises:
        TaskFileError: an unknown filter, or options that it refuses.
    """
    try:
        return [
            FilterPipeline.from_config(entry["name"], [_step(step) for step in entry["filter"]])
            for entry in config.filter_list or _DEFAULT
        ]
    except UsageError as error:
        raise config.error("filter_list", str(error)) from error
    except Exception as error:  # a class of the task's folder may raise anything
        raise config.error("filter_list", f"a filter raised {type(error).__name__}: {error}") from error


def _step(entry: dict[str, Any]) -> dict[str, Any]:
    """Returns a filter's entry with a class of the task's folder as itself."""
    return {key: value.target if isinstance(value, TaskFunction) else value for key, value in entry.items()}
