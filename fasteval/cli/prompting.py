"""Flags of commands that load tasks, build prompts and score."""

from __future__ import annotations

from typing import Any

import click

from fasteval.cli.parameters import flag, flags, names, pair, switch

__all__ = ["compat_flag", "data_flag", "folder_flag", "prompt_flags"]


def _template(value: Any) -> bool:
    """Reads a switch; lm-eval's template names are refused."""
    try:
        return switch(value)
    except click.BadParameter:
        raise click.BadParameter(
            f"templates have no names here: pass the flag alone, and --model_args chat_template=<file> for {value!r}"
        ) from None


folder_flag = flag("--include_path", type=names, metavar="FOLDER", help="Folder with further tasks.")
data_flag = flag("--dataset", "--datasets", type=pair, parameter="datasets", help="A data set's copy on this machine.")
compat_flag = flag(
    "--compat", metavar="HARNESS", help="Score with the known faults of `lmms-eval`, to compare with its."
)

#: Where tasks and data are, and what goes into a prompt.
prompt_flags = flags(
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
