"""`Dialogs`: multi-round rows in progress. Each answer leads to the next round's request, or to the end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from fasteval.scheduling import Answer, FollowUp

if TYPE_CHECKING:
    from fasteval.api.request import Response
    from fasteval.api.task import PromptOptions, Task

__all__ = ["Dialogs"]


@dataclass(slots=True)
class _Dialog:
    outputs: list[str] = field(default_factory=list)
    info: Any = None
    prompt_tokens: int = 0
    output_tokens: int = 0


class Dialogs:
    """The dialogs of one task; all of them are in flight at once."""

    def __init__(self, task: Task, options: PromptOptions) -> None:
        """Takes the task whose next-round function leads the dialogs."""
        self._task, self._options = task, options
        self._open: dict[int, _Dialog] = {}

    def proceed(self, answer: Answer, doc_id: int) -> Answer | FollowUp:
        """Returns the next round's request, or the whole dialog's answer: a response with one text a round."""
        dialog = self._open.setdefault(answer.row, _Dialog())
        if answer.response is None:
            del self._open[answer.row]
            return answer
        dialog.outputs.append(answer.response.texts[0])
        dialog.prompt_tokens += answer.response.prompt_tokens
        dialog.output_tokens += answer.response.output_tokens
        round_idx = len(dialog.outputs)
        try:
            following = self._task.next_round(
                self._task.docs[doc_id], round_idx, list(dialog.outputs), dialog.info, self._options
            )
        except Exception as error:  # noqa: BLE001 - task code may raise anything; it must cost one document only
            del self._open[answer.row]
            return Answer(answer.row, None, f"round {round_idx}: {type(error).__name__}: {error}")
        dialog.info = following.info
        if following.prompt is not None:
            return FollowUp(answer.row, round_idx, following.prompt, following.media)
        del self._open[answer.row]
        texts = tuple(following.outputs or dialog.outputs)
        whole: Response = replace(
            answer.response, texts=texts, prompt_tokens=dialog.prompt_tokens, output_tokens=dialog.output_tokens
        )
        return replace(answer, response=whole)
