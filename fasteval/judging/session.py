"""The judge of the run in progress, as scoring code asks it; what it was asked for a document is noted."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fasteval.api.prompt import Prompt
from fasteval.errors import JudgeError
from fasteval.media import to_media

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fasteval.judging.judge import Judge, Judgement

__all__ = ["Notes", "ask_judge", "fail_document", "noting", "presiding"]

_NO_JUDGE = "scoring asks a judge, and the run has none: pass --judge openai --judge_args base_url=…,model=…"


@dataclass(slots=True)
class Notes:
    """What the judge was asked for one document.

    Attributes:
        judgements: questions and answers, in order.
        failure: why a question had no answer that could be used; the document then has no score, whatever the code
            that asked made of it.
    """

    judgements: list[Judgement] = field(default_factory=list)
    failure: str | None = None

    def take(self) -> tuple[list[Judgement], str | None]:
        """Returns what was noted, and begins anew for the next document."""
        noted = self.judgements, self.failure
        self.judgements, self.failure = [], None
        return noted


class _Local(threading.local):
    notes: Notes | None = None


_LOCAL = _Local()
_JUDGES: list[Judge | None] = []


@contextmanager
def presiding(judge: Judge | None) -> Iterator[None]:
    """Makes `judge` the one that scoring code asks, in every thread of the process; closes it at the end."""
    _JUDGES.append(judge)
    try:
        yield
    finally:
        _JUDGES.remove(judge)
        if judge is not None:
            judge.close()


@contextmanager
def noting() -> Iterator[Notes]:
    """Notes what this thread asks meanwhile."""
    before, _LOCAL.notes = _LOCAL.notes, Notes()
    try:
        yield _LOCAL.notes
    finally:
        _LOCAL.notes = before


def ask_judge(
    messages: Sequence[Mapping[str, Any]], generation_kwargs: Mapping[str, Any], images: Sequence[Any] = ()
) -> Judgement:
    """Returns the judge's answer to chat messages, whose contents are texts.

    Args:
        messages: `{"role", "content"}` each.
        generation_kwargs: how the answer is generated.
        images: shown before the last message's text.

    Raises:
        JudgeError: there is no judge, or it gave no answer.
    """
    try:
        if not _JUDGES or _JUDGES[-1] is None:
            raise JudgeError(_NO_JUDGE)
        media = [to_media(image) for image in images]
        judgement = _JUDGES[-1].ask(_prompt(messages, media), generation_kwargs, media)
    except Exception as error:
        fail_document(str(error))
        raise
    if _LOCAL.notes is not None:
        _LOCAL.notes.judgements.append(judgement)
    return judgement


def fail_document(reason: str) -> None:
    """Notes that the document in hand has no score: the judge's answer is missing, or cannot be read."""
    if _LOCAL.notes is not None and _LOCAL.notes.failure is None:
        _LOCAL.notes.failure = reason


def _prompt(messages: Sequence[Mapping[str, Any]], media: Sequence[Any]) -> Prompt:
    turns = [
        {"role": message["role"], "content": [{"type": "text", "text": str(message["content"])}]}
        for message in messages
    ]
    shown = [{"type": "media", "index": index, "kind": medium.kind} for index, medium in enumerate(media)]
    if shown:
        turns[-1]["content"][:0] = shown
    return Prompt(messages=turns)
