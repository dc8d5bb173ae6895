"""Filters that choose among the answers to one request: the first, the first k, the most frequent one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from fasteval.api.registry import register_filter
from fasteval.errors import UsageError
from fasteval.filters.base import Filter

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MajorityVote", "TakeFirst", "TakeFirstK"]


@register_filter("take_first")
class TakeFirst(Filter):
    """Keeps the first answer of each request, and takes it out of its list."""

    per_document: ClassVar[bool] = True

    def __init__(self) -> None:
        """Takes no options."""

    def apply(self, resps: Sequence[Sequence[Any]], docs: Sequence[dict[str, Any]]) -> list[Any]:  # noqa: ARG002 - the base class's signature
        """Returns for each request its first answer; an empty text where there is none."""
        return [_first(answers) for answers in resps]


@register_filter("take_first_k")
class TakeFirstK(Filter):
    """Keeps the first k answers of each request."""

    per_document: ClassVar[bool] = True

    def __init__(self, k: int) -> None:
        """Sets how many answers are kept.

        Raises:
            UsageError: `k` is not a positive integer.
        """
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise UsageError(f"filter take_first_k: k must be a positive integer, got {k!r}")
        self.k = k

    def apply(self, resps: Sequence[Sequence[Any]], docs: Sequence[dict[str, Any]]) -> list[list[Any]]:  # noqa: ARG002 - the base class's signature
        """Returns for each request the list of its first k answers.

        Raises:
            UsageError: a request has fewer than k answers.
        """
        for answers in resps:
            if len(answers) < self.k:
                raise UsageError(
                    f"filter take_first_k: needs {self.k} answers a request and got {len(answers)}: "
                    f"set the task's repeats to {self.k} or more"
                )
        return [list(answers[: self.k]) for answers in resps]


@register_filter("majority_vote")
class MajorityVote(Filter):
    """Keeps the most frequent answer of each request; among equally frequent ones, the one that came first.

    Self-consistency (Wang et al. 2022, arXiv:2203.11171). The answer stays in a list of one, as in lm-eval: let
    `take_first` follow where a bare text is wanted.
    """

    per_document: ClassVar[bool] = True

    def __init__(self) -> None:
        """Takes no options."""

    def apply(self, resps: Sequence[Sequence[Any]], docs: Sequence[dict[str, Any]]) -> list[list[Any]]:  # noqa: ARG002 - the base class's signature
        """Returns for each request a list with the winner alone; an empty list where there is no answer."""
        # Counter keeps the order of first appearance, and most_common sorts stably.
        return [[answer for answer, _ in Counter(answers).most_common(1)] for answers in resps]


def _first(answers: Any) -> Any:
    if isinstance(answers, str):
        return answers  # an earlier take_first has been here: the first character is not the first answer
    return answers[0] if answers else ""
