"""`fasteval prompts`: what a model would be asked, as JSON lines that can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fasteval.cli.completion import complete_tasks
from fasteval.cli.output import say_json
from fasteval.cli.parameters import flag, limit
from fasteval.cli.prompting import prompt_flags
from fasteval.cli.settings import flat, merged
from fasteval.cli.showing import EXIT_INCOMPLETE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fasteval.api.task import PromptOptions, Task

__all__ = ["prompts"]


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="TASK…", shell_complete=complete_tasks)
@flag("--limit", "-L", type=limit, metavar="NUMBER", help="Documents a task; below 1 a share of them; -1 all.")
@flag("--offset", type=int, default=0, help="Documents to skip before the limit counts.")
@prompt_flags
def prompts(names: tuple[str, ...], offset: int, **flags: Any) -> int:
    """Prints every request of tasks as a JSON line: prompt, continuation, generation kwargs, target. Needs no model.

    Two versions of a task, or of fasteval, ask the same if `diff` finds nothing. A document that cannot be asked has an
    `error` in place of a prompt, and the exit code is 3.
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
