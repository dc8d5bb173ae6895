"""Flags of every command that loads tasks and builds prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fasteval.cli.parameters import flag, names, pair, switch

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["data_flag", "folder_flag", "prompt_flags"]

folder_flag = flag(
    "--include_path", type=names, multiple=True, default=(), metavar="FOLDER", help="Folder with further tasks."
)

data_flag = flag(
    "--dataset",
    "--datasets",
    type=pair,
    multiple=True,
    default=(),
    parameter="datasets",
    metavar="NAME=PATH",
    help="A data set's copy on this machine.",
)


def prompt_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the flags that say where tasks and data are, and what goes into a prompt."""
    for decorate in reversed(_PROMPT_FLAGS):
        command = decorate(command)
    return command


def _template(value: Any) -> bool:
    """Reads a switch; lm-eval's template names are refused."""
    try:
        return switch(value)
    except click.BadParameter:
        raise click.BadParameter(
            f"templates have no names here: pass the flag alone, and --model_args chat_template=<file> for {value!r}"
        ) from None


_PROMPT_FLAGS = (
    folder_flag,
    data_flag,
    flag("--num_fewshot", "-f", type=int, help="Examples before the question."),
    flag(
        "--apply_chat_template",
        type=_template,
        is_flag=False,
        flag_value="true",
        metavar="[true|false]",
        help="Ask in chat messages (default: where a document has media).",
    ),
    flag("--fewshot_as_multiturn", type=switch, help="Examples as turns of a dialog."),
    flag("--system_instruction", help="Text of a system turn."),
    flag("--prompt_profile", help="Which of a task's prompts (default: the model's own)."),
)
