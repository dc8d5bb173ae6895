"""What crosses the line between the front process and an engine: requests one way, completions the other.

Nobody changes them once they are made. They are not frozen, since making a frozen object costs five times as much, and
a run makes several for each request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fasteval.api.prompt import Prompt
    from fasteval.media import Media

__all__ = ["Completion", "EngineRequest", "Kind", "Response", "Score"]


class Kind(IntEnum):
    """What is asked of a model. The values are stored in request tables and never change."""

    GENERATE_UNTIL = 0
    LOGLIKELIHOOD = 1
    LOGLIKELIHOOD_ROLLING = 2
    GENERATE_UNTIL_MULTI_ROUND = 3

    @property
    def request_type(self) -> str:
        """The name that the classic API uses."""
        return self.name.lower()

    @property
    def generates(self) -> bool:
        """Whether the answer is text (else it is a log-probability)."""
        return self in _GENERATING


_GENERATING = frozenset({Kind.GENERATE_UNTIL, Kind.GENERATE_UNTIL_MULTI_ROUND})


@dataclass(slots=True)
class EngineRequest:
    """One request as an engine gets it.

    Attributes:
        row: the caller's number for it; comes back in the completion.
        kind: what is asked.
        prompt: what the model is shown; all media are `{"type": "media", "index": i}` parts.
        continuation: the text whose log-probability is wanted (log-likelihood kinds only).
        media: the prompt's media, in the order of their indices.
        generation_kwargs: the task's own (canonical names are `fasteval.models.sampling`'s affair).
        seed: the seed of this very request, or None where nothing is sampled.
    """

    row: int
    kind: Kind
    prompt: Prompt
    continuation: str | None = None
    media: tuple[Media, ...] = ()
    generation_kwargs: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None


class Score(tuple[float, bool]):  # noqa: SLOT001 - a tuple can have no slots with names
    """(log-probability, whether greedy decoding gives it), as the classic API returns them, of some tokens.

    Attributes:
        tokens: how many; 0 where the model does not tell.
    """

    tokens: int

    def __new__(cls, logprob: float, is_greedy: bool, tokens: int) -> Score:
        """Returns the pair."""
        score = tuple.__new__(cls, (logprob, is_greedy))
        score.tokens = tokens
        return score


@dataclass(slots=True)
class Response:
    """One answer: everything that scoring and reporting need, and so what the cache stores.

    Attributes:
        texts: the generated texts, one a sample (`n`); empty for log-likelihoods.
        logprob: natural logarithm of the continuation's probability, summed over its tokens; None for texts.
        is_greedy: whether greedy decoding would have given the continuation; None for texts.
        prompt_tokens: tokens of the prompt (media included; a log-likelihood's continuation is not).
        output_tokens: tokens generated over all texts, or tokens of the continuation.
        finish_reason: "stop" or "length"; None for log-likelihoods.
    """

    texts: tuple[str, ...] = ()
    logprob: float | None = None
    is_greedy: bool | None = None
    prompt_tokens: int = 0
    output_tokens: int = 0
    finish_reason: str | None = None

    @property
    def value(self) -> Any:
        """What the classic API returns: the text (or the list of n texts), or a `Score`."""
        if self.logprob is not None:
            return Score(self.logprob, bool(self.is_greedy), self.output_tokens)
        return self.texts[0] if len(self.texts) == 1 else list(self.texts)


@dataclass(slots=True)
class Completion:
    """What an engine says of one request: its response, or the reason why there is none."""

    row: int
    response: Response | None = None
    error: str | None = None
