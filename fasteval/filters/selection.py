"""Filters that choose among the answers to one request: the first, the first k, the most frequent one."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from fasteval.api.registry import register_filter
from fasteval.errors import UsageError
from fasteval.filters.base import Filter

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MajorityVote", "TakeFirst", "TakeFirstK"]


class SelectionFilter(Filter):
    """Base of filters that choose among the answers to one request."""

    per_document: ClassVar[bool] = True

    def __init__(self) -> None:
        """Takes no options; subclasses may."""

    @abstractmethod
    def select(self, answers: Sequence[Any]) -> Any:
        """Returns what is kept of a request's answers."""

    def apply(self, resps: Sequence[Sequence[Any]], docs: Sequence[dict[str, Any]]) -> list[Any]:  # noqa: ARG002 - the base class's signature
        """Returns for each request what is kept of its answers."""
        return [self.select(answers) for answers in resps]


@register_filter("take_first")
class TakeFirst(SelectionFilter):
    """Keeps the first answer of each request, and takes it out of its list; an empty text where there is none."""

    def select(self, answers: Sequence[Any]) -> Any:
        """Returns the first answer."""
        if isinstance(answers, str):
            return answers  # an earlier take_first has been here: the first character is not the first answer
        return answers[0] if answers else ""


@register_filter("take_first_k")
class TakeFirstK(SelectionFilter):
    """Keeps the first k answers of each request."""

    def __init__(self, k: int) -> None:
        """Sets how many answers are kept.

        Raises:
            UsageError: `k` is not a positive integer.
        """
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise UsageError(f"filter take_first_k: k must be a positive integer, got {k!r}")
        self.k = k

    def select(self, answers: Sequence[Any]) -> list[Any]:
        """Returns the list of the first k answers.

        Raises:
            UsageError: there are fewer.
        """
        if len(answers) < self.k:
            raise UsageError(
                f"filter take_first_k: needs {self.k} answers a request and got {len(answers)}: "
                f"set the task's repeats to {self.k} or more"
            )
        return list(answers[: self.k])


@register_filter("majority_vote")
class MajorityVote(SelectionFilter):
    """Keeps the most frequent answer of each request; among equally frequent ones, the one that came first.

    Self-consistency (Wang et al. 2022, arXiv:2203.11171). The answer stays in a list of one, as in lm-eval: let
    `take_first` follow where a bare text is wanted.
    """

    def select(self, answers: Sequence[Any]) -> list[Any]:
        """Returns a list with the winner alone; an empty list where there is no answer."""
        # Counter keeps the order of first appearance, and most_common sorts stably.
        return [answer for answer, _ in Counter(answers).most_common(1)]
