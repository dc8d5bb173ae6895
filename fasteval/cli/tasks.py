"""`fasteval tasks`: what can be evaluated, and what a model would be asked."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fasteval.cli.completion import complete_tasks
from fasteval.cli.output import say, say_json
from fasteval.cli.parameters import CommandGroup, flag, switch
from fasteval.cli.preview import describe
from fasteval.cli.prompting import folder_flag, prompt_flags
from fasteval.cli.settings import flat, merged
from fasteval.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fasteval.api.task import Task
    from fasteval.tasks.validation import Validation

__all__ = ["LISTINGS", "print_listing", "tasks"]

#: What `--tasks list…` may be, as in lm-eval and lmms-eval: which kinds of names each prints.
LISTINGS: dict[str, tuple[str, ...]] = {
    "list": ("tasks", "groups"),
    "list_subtasks": ("tasks",),
    "list_groups": ("groups",),
}


@click.group(cls=CommandGroup)
def tasks() -> None:
    """Lists tasks, and shows what they ask."""


@tasks.command("list")
@click.argument("patterns", nargs=-1)
@folder_flag
@flag("--groups", type=switch, help="Groups only.")
def list_tasks(patterns: Sequence[str], include_path: Iterable[tuple[str, ...]], groups: bool | None) -> None:
    """Lists tasks and groups, one name a line; those that match one of PATTERNS if there are any."""
    print_listing(flat(include_path), LISTINGS["list_groups" if groups else "list"], patterns)


@tasks.command("validate")
@click.argument("given", nargs=-1, metavar="[NAME]…", shell_complete=complete_tasks)
@folder_flag
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def validate_tasks(
    context: click.Context, given: Sequence[str], include_path: Iterable[tuple[str, ...]], as_json: bool
) -> None:
    """Loads tasks without their data and says which ones fail, and why.

    Without names: all tasks of the folders, or of the library if no folder is given. Exit code 1 if one fails.
    """
    from fasteval.tasks import TaskManager
    from fasteval.tasks.index import LIBRARY
    from fasteval.tasks.validation import validate

    folders = [Path(folder).expanduser().absolute() for folder in flat(include_path)]
    manager = TaskManager(include_path=folders)
    if given:
        wanted = manager.names_matching(given)
    else:
        wanted = sorted({name for folder in folders or [LIBRARY] for name in manager.names_below(folder)})
    result = validate(manager, wanted)
    if as_json:
        say_json(_validation_json(result))
    else:
        say(_validation_text(result))
    context.exit(1 if result.failed else 0)


@tasks.command("show")
@click.argument("name", shell_complete=complete_tasks)
@flag("--doc", "-d", type=int, default=0, show_default=True, help="Number of the document in its split.")
@flag("--tokenizer", metavar="CHECKPOINT", help="Show the exact text and its tokens, as this checkpoint gets them.")
@prompt_flags
def show_task(name: str, doc: int, tokenizer: str | None, **flags: Any) -> None:
    """Shows one document of the task NAME: prompt, media, right answer and generation kwargs. Needs no model.

    With a tokenizer (a folder, a name on the Hub, or one of `fasteval models`) the chat template is applied, and the
    tokens are listed; of a choice, where its context ends and what is scored begins.
    """
    from fasteval.api.task import PromptOptions

    model = None
    if tokenizer is not None:
        from fasteval.models.create import resolve_tokenizer

        model, profile = resolve_tokenizer(tokenizer)
        flags["prompt_profile"] = flags["prompt_profile"] or profile
    task = _load(name, flat(flags.pop("include_path")), merged(flags.pop("datasets")), flags["prompt_profile"])
    if not 0 <= doc < len(task.docs):
        raise UsageError(f"--doc {doc} does not exist: {name} has documents 0 to {len(task.docs) - 1}")
    options = PromptOptions(**{key: value for key, value in flags.items() if value is not None})
    say(describe(task, doc, options, model))


def print_listing(include_path: Sequence[str], kinds: Sequence[str], patterns: Sequence[str] = ()) -> None:
    """Prints the names of `kinds` ("tasks", "groups"), one a line, sorted."""
    from fasteval.tasks.index import TaskIndex

    index = TaskIndex.of_everything(include_path)
    found = {"tasks": index.tasks, "groups": index.groups}
    every = sorted({name for kind in kinds for name in found[kind]})
    names = [name for name in every if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)]
    if names:
        say("\n".join(names))


def _validation_json(result: Validation) -> bytes:
    from fasteval.results.encoding import to_json

    failed = [{"task": entry.task, "file": str(entry.file), "reason": entry.reason} for entry in result.failed]
    return to_json({"ok": len(result.ok), "failed": failed}, indent=True)


def _validation_text(result: Validation) -> str:
    """Returns the failures, those of a missing package together, and the counts in the last line."""
    from fasteval.compat.missing import distribution_of

    lines = []
    for package, failures in result.by_package().items():
        is_one = len(failures) == 1
        needs = "is wrong" if is_one else "are wrong"
        if package:
            needs = f"need{'s' * is_one} the package '{package}': pip install {distribution_of(package)}"
        lines.append(f"{len(failures)} {needs}")
        lines += [
            f"  {entry.task}  {entry.file}" + ("" if package else f"\n      {entry.reason}") for entry in failures
        ]
    return "\n".join([*lines, f"{len(result.ok)} ok, {len(result.failed)} failed"])


def _load(name: str, include_path: Sequence[str], datasets: dict[str, str], prompt_profile: str | None) -> Task:
    from fasteval.tasks import TaskManager

    manager = TaskManager(
        include_path=list(include_path), datasets=datasets, prompt_profile=prompt_profile or "default"
    )
    loaded: dict[str, Task] = dict(manager.load_task_or_group([name]))
    if name in loaded:
        return loaded[name]
    raise UsageError(f"'{name}' is not one task but {len(loaded)}: {', '.join(loaded)}")
