"""`PromptProfile`: one task under one prompt profile: the options of its functions, and all that depends on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fasteval.tasks.documentmedia import DocumentMedia
from fasteval.tasks.fields import DocumentFields
from fasteval.tasks.requestbuilder import RequestBuilder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

    from fasteval.tasks.config import TaskConfig
    from fasteval.tasks.fewshot import FewshotExamples

__all__ = ["PromptProfile"]


@dataclass(frozen=True, slots=True)
class PromptProfile:
    """What a profile makes of a task.

    Attributes:
        name: the profile.
        options: its entry of `lmms_eval_specific_kwargs`; None where there is none.
        generation_kwargs: the task's, with the profile's changes.
        fields: questions, answers and choices.
        media: media and messages.
        builder: prompts and requests.
    """

    name: str
    options: dict[str, Any] | None
    generation_kwargs: dict[str, Any]
    fields: DocumentFields
    media: DocumentMedia
    builder: RequestBuilder

    @classmethod
    def of(cls, name: str, config: TaskConfig, examples: FewshotExamples, folder: Path | None) -> Self:
        """Returns the task under the profile `name`; entries for `default` are used where there are none for it."""
        options = _entry(config.lmms_eval_specific_kwargs, name)
        targets = _entry(config.model_specific_target_kwargs, name)
        kwargs = config.generation_kwargs | (_entry(config.model_specific_generation_kwargs, name) or {})
        fields = DocumentFields(config.doc_to_text, config.doc_to_target, config.doc_to_choice, options, targets)
        example_fields = DocumentFields(
            config.fewshot_config.get("doc_to_text", config.doc_to_text),
            config.fewshot_config.get("doc_to_target", config.doc_to_target),
            config.fewshot_config.get("doc_to_choice", config.doc_to_choice),
            options,
            targets,
        )
        media = DocumentMedia(config, folder, options)
        builder = RequestBuilder(config, fields, (examples, example_fields), media, kwargs)
        return cls(name, options, kwargs, fields, media, builder)


def _entry(entries: Mapping[str, Any], profile: str) -> dict[str, Any] | None:
    entry: dict[str, Any] | None = entries.get(profile, entries.get("default"))
    return entry
