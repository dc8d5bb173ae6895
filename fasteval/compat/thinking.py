"""`lmms_eval.api.reasoning`: removing a model's reasoning in task code, and reading which tags surround it."""

from __future__ import annotations

import json
from typing import Any

from fasteval.filters.thinking import strip_thinking

__all__ = ["parse_reasoning_tags_config", "strip_reasoning_tags"]


def strip_reasoning_tags(text: str, tag_pairs: list[list[str]]) -> str:
    """Returns the text without what stands between the tags; see `strip_thinking`."""
    return strip_thinking(text, tag_pairs)


def parse_reasoning_tags_config(cli_value: str | None = None, task_value: Any = None) -> list[list[str]] | None:
    """Returns the pairs of tags: the task's, or those of the command line; None where neither wants any."""
    value = cli_value if task_value is None else task_value
    if value in (None, "none", False):
        return None
    pairs: list[list[str]] = json.loads(value) if isinstance(value, str) else value
    return pairs
