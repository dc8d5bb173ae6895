"""`fasteval prompts`: what a model would be asked, as JSON lines that can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fasteval.cli.completion import complete_tasks
from fasteval.cli.output import EXIT_INCOMPLETE, say, say_json
from fasteval.cli.parameters import CommandGroup, flag, limit
from fasteval.cli.prompting import prompt_flags
from fasteval.cli.settings import flat, merged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fasteval.api.task import PromptOptions, Task

__all__ = ["prompts"]


_EXIT_DIFFERENT = 1


class _ImpliedDump(CommandGroup):
    """Takes `fasteval prompts mme` for `fasteval prompts dump mme`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Writes `dump` before words that name no command, and parses."""
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["dump", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ImpliedDump)
def prompts() -> None:
    """Prints what a model would be asked, and compares what two runs ask."""


@prompts.command()
@click.argument("names", nargs=-1, required=True, metavar="TASK…", shell_complete=complete_tasks)
@flag("--limit", "-L", type=limit, metavar="NUMBER", help="Documents a task; below 1 a share of them; -1 all.")
@flag("--offset", type=int, default=0, help="Documents to skip before the limit counts.")
@prompt_flags
def dump(names: tuple[str, ...], offset: int, **flags: Any) -> int:
    """Prints every request of tasks as a JSON line: prompt, continuation, generation kwargs, target. Needs no model.

    Two versions of a task, or of fasteval, ask the same if `fasteval prompts diff` finds nothing. A document that
    cannot be asked has an `error` in place of a prompt, and the exit code is 3.
    """
    from fasteval.api.task import PromptOptions
    from fasteval.requests import shard
    from fasteval.results.encoding import to_json
    from fasteval.tasks import TaskManager

    manager = TaskManager(
        include_path=list(flat(flags.pop("include_path"))),
        datasets=merged(flags.pop("datasets")),
        prompt_profile=flags["prompt_profile"] or "default",
    )
    wanted = flags.pop("limit")
    options = PromptOptions(**{name: value for name, value in flags.items() if value is not None})
    failed = False
    for task in manager.load_task_or_group(list(names)).values():
        for doc_id in shard(len(task.docs), limit=wanted, offset=offset):
            for line in _lines(task, doc_id, options):
                failed |= "error" in line
                say_json(to_json(line))
    return EXIT_INCOMPLETE if failed else 0


@prompts.command()
@click.argument("base")
@click.argument("candidate")
@flag("--checkpoint", metavar="FOLDER", help="Compare tokens: transformers renders messages and tokenizes for it.")
@flag("--json", is_flag=True, default=False, parameter="as_json", help="Print JSON.")
def diff(base: str, candidate: str, checkpoint: str | None, *, as_json: bool) -> int:
    """Says where the prompts of BASE and CANDIDATE part, request by request; exit code 1 if any does, as `diff` has it.

    Each is a run (results file, folder or samples file of fasteval, lmms-eval or lm-eval), or a file with the lines of
    `fasteval prompts dump`. Exact prompts are compared where both have them, else the texts without template.
    """
    from pathlib import Path

    from fasteval.comparison.promptdiff import Renderer, diff_prompts
    from fasteval.models.checkpoint.find import find_checkpoint
    from fasteval.results.encoding import to_json
    from fasteval.results.saved import read_run

    renderer = None if checkpoint is None else Renderer(find_checkpoint(checkpoint, weights=False))
    compared, found = diff_prompts(read_run(Path(base)), read_run(Path(candidate)), renderer)
    if as_json:
        say_json(to_json({"compared": compared, "different": [one.to_dict() for one in found]}))
    else:
        unit = "character" if renderer is None else "token"
        for one in found:
            place = f"{one.task}, document {one.doc_id}" + (f", request {one.slot}" if one.slot else "")
            what = (
                f"{unit} {one.at}: {one.base!r} | {one.candidate!r}" if one.at >= 0 else f"{one.base} | {one.candidate}"
            )
            say(f"{place}: {what}")
        say(f"{compared:,} requests compared, {len(found):,} differ")
    return _EXIT_DIFFERENT if found else 0


def _lines(task: Task, doc_id: int, options: PromptOptions) -> Iterator[dict[str, Any]]:
    """Yields a document's requests, or the reason why it has none."""
    place = {"task": task.name, "doc_id": doc_id}
    try:
        doc = task.docs[doc_id]
        requests = task.document_requests(doc_id, doc, options)
        target = task.doc_to_target(doc)
    except Exception as error:  # noqa: BLE001 - task code may raise anything; the other documents are still wanted
        yield place | {"error": f"{type(error).__name__}: {error}"}
        return
    for request in requests:
        yield place | {
            "slot": request.slot,
            "kind": request.kind.request_type,
            "prompt": request.prompt.text if request.prompt.text is not None else request.prompt.messages,
            "continuation": request.continuation,
            "generation_kwargs": request.generation_kwargs,
            "target": target,
        }
