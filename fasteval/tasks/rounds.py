"""Dialogs of several rounds: the two forms in which task code says what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasteval.api.prompt import Prompt, user_message
from fasteval.api.task import Round
from fasteval.errors import DocumentError
from fasteval.media import FrameChoice
from fasteval.tasks.fields import call_with_options
from fasteval.tasks.messages import canonical_messages, with_system
from fasteval.tasks.prompts import is_chat
from fasteval.tasks.visuals import as_visuals

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fasteval.api.task import PromptOptions
    from fasteval.tasks.config import TaskConfig

__all__ = ["first_messages", "next_round"]


def first_messages(function: Any, doc: dict[str, Any], options: Mapping[str, Any] | None) -> Any:
    """Returns the messages of the first round: those of a function in round form are the first of its four results."""
    returned = call_with_options(function, doc, options)
    return returned[0] if isinstance(returned, tuple) else returned


def next_round(
    config: TaskConfig,
    doc: dict[str, Any],
    state: tuple[int, list[str], Any],
    options: PromptOptions,
    *,
    own: Mapping[str, Any] | None,
    folder: Path | None,
) -> Round:
    """Returns what follows the answers so far.

    `doc_to_messages` in round form returns (messages, is the dialog over, answers, info). `doc_to_text` in round form
    returns (media, text, is the dialog over, answers, info).

    Args:
        config: the task.
        doc: the document.
        state: the round's number (from 1), the answers so far, and the info that the round before returned.
        options: how prompts are built.
        own: `lmms_eval_specific_kwargs` of the prompt profile.
        folder: what relative paths of media are relative to.

    Raises:
        DocumentError: the function does not return one of these forms.
    """
    round_idx, outputs, info = state
    arguments = {"round_idx": round_idx, "previous_output": outputs, "previous_round_info": info}
    function = config.doc_to_messages if config.doc_to_messages is not None else config.doc_to_text
    returned = call_with_options(function, doc, own, **arguments)
    length = 4 if config.doc_to_messages is not None else 5
    if not isinstance(returned, tuple) or len(returned) != length:
        raise DocumentError(f"round {round_idx}: expected {length} results, got {type(returned).__name__}")
    is_over, answers, new_info = returned[-3:]
    if is_over:
        return Round(None, outputs=answers, info=new_info)
    if length == 4:
        messages, media = canonical_messages(returned[0], folder, FrameChoice.of_task(own))
    else:
        media = as_visuals(returned[0], folder, frames=FrameChoice.of_task(own))
        if not media and not is_chat(config, options):
            return Round(
                Prompt(text=(options.system_instruction or "") + str(returned[1])), outputs=answers, info=new_info
            )
        messages = [user_message(str(returned[1]), with_visuals=bool(media))]
    return Round(Prompt(messages=with_system(messages, options.system_instruction)), media, answers, new_info)
