"""`fasteval completion`: prints the script that lets a shell complete commands, flags, tasks and models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ZshComplete

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["complete_models", "complete_tasks", "completion"]

_CLASSES = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command()
@click.argument("shell", type=click.Choice(list(_CLASSES)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Prints the completion script for a shell: bash, zsh or fish.

    \b
      bash: add to ~/.bashrc   eval "$(fasteval completion bash)"
      zsh:  add to ~/.zshrc    eval "$(fasteval completion zsh)"
      fish: fasteval completion fish > ~/.config/fish/completions/fasteval.fish
    """  # noqa: D301 - the escape is meant: click keeps the lines of a paragraph that begins with it
    script = _CLASSES[shell](context.find_root().command, {}, "fasteval", "_FASTEVAL_COMPLETE")
    click.echo(script.source())


def complete_tasks(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Returns the tasks, groups and tags that begin like the last name of `incomplete`; commas separate names."""
    from fasteval.tasks.index import TaskIndex

    given = context.params.get("include_path") or ()
    folders = [name for names in given for name in names]
    before, comma, last = incomplete.rpartition(",")
    return _matching(TaskIndex.of_everything(folders).names(), last, before + comma)


def complete_models(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Returns the models that have names."""
    from fasteval.models.named import NAMED

    return _matching(NAMED, incomplete)


def _matching(names: Iterable[str], start: str, before: str = "") -> list[CompletionItem]:
    return [CompletionItem(before + name) for name in names if name.startswith(start)]
