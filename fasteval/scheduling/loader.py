"""`RequestLoader`: a row becomes what an engine takes, with its media, at the moment when it is needed."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from fasteval.api.prompt import Prompt
from fasteval.api.request import EngineRequest
from fasteval.api.task import PromptOptions
from fasteval.errors import DocumentError, FastEvalError, RequestError, UnsupportedError
from fasteval.media import to_media

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fasteval.api.task import Task
    from fasteval.media import Media
    from fasteval.requests.table import Row
    from fasteval.scheduling.plan import Plan

__all__ = ["RequestLoader", "place_media"]

_NONE: tuple[Media, ...] = ()


class RequestLoader:
    """Loads rows of a plan. Keeps only the document in hand: rows of one document come one after the other."""

    def __init__(self, plan: Plan, tasks: Mapping[str, Task], options: PromptOptions | None = None) -> None:
        """Takes the plan, the tasks by name, and how their prompts were built."""
        self._plan, self._tasks, self._options = plan, tasks, options or PromptOptions()
        self._last: tuple[tuple[int, int], list[tuple[Media, ...]]] | None = None

    def load(self, indices: Sequence[int], refuse: Callable[[int, str], None]) -> list[EngineRequest]:
        """Returns rows as an engine takes them; `refuse` is told of each that cannot be had, and why."""
        seeds: list[int] = self._plan.seeds[indices].tolist()
        requests = []
        for index, row, seed in zip(indices, self._plan.table.rows(indices), seeds, strict=True):
            prompt, media = row.prompt, _NONE
            try:
                if prompt.is_chat:
                    prompt, media = self.prompt(row)
            except (DocumentError, RequestError, UnsupportedError) as error:
                refuse(index, str(error))
                continue
            asked = EngineRequest(index, row.kind, prompt, row.continuation, media, row.generation_kwargs)
            if seed >= 0:
                asked.seed = seed
            requests.append(asked)
        return requests

    def prompt(self, row: Row) -> tuple[Prompt, tuple[Media, ...]]:
        """Returns the prompt with its media in place, and the media; plain prompts have none.

        Raises:
            DocumentError: the document's media cannot be had.
        """
        if not row.prompt.is_chat:
            return row.prompt, ()
        place = (row.task, row.doc_id)
        if self._last is None or self._last[0] != place:
            self._last = (place, self._media(row))
        return place_media(row.prompt, self._last[1]), tuple(medium for own in self._last[1] for medium in own)

    def _media(self, row: Row) -> list[tuple[Media, ...]]:
        task = self._tasks[self._plan.table.task_names[row.task]]
        try:
            groups = task.prompt_media(row.doc_id, task.docs[row.doc_id], self._options)
            return [tuple(map(to_media, visuals)) for visuals in groups]
        except FastEvalError:
            raise
        except Exception as error:
            raise DocumentError(f"media cannot be had: {type(error).__name__}: {error}") from error


def place_media(prompt: Prompt, groups: Sequence[Sequence[Media]]) -> Prompt:
    """Returns the chat prompt with one part for each medium, numbered through all of them.

    Args:
        prompt: its parts refer to the media of a few-shot example by `example`, and else to the document's.
        groups: the media of each example, then the document's own.
    """
    starts = list(itertools.accumulate((len(media) for media in groups), initial=0))

    def parts(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
        placed: list[dict[str, Any]] = []
        for part in content:
            if part["type"] == "text":
                placed.append(part)
                continue
            group = part.get("example", len(groups) - 1)
            media = groups[group]
            indices = range(len(media)) if part["type"] == "visuals" else (part["index"],)
            placed += [{"type": "media", "index": starts[group] + i, "kind": media[i].kind} for i in indices]
        return placed

    messages = prompt.messages or []
    return Prompt(messages=[message | {"content": parts(message["content"])} for message in messages])
