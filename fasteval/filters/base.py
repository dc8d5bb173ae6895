"""`Filter`: turns raw answers into what the metrics see."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Filter"]


class Filter(ABC):
    """Base class; lm-eval's and lmms-eval's filters have the same shape."""

    #: Whether `apply` treats each document by itself, so that it can run while other documents are still unanswered.
    #: Filters that somebody else wrote are assumed not to.
    per_document: ClassVar[bool] = False

    def __init__(self, **kwargs: Any) -> None:  # noqa: B027 - a filter without options need not override it
        """Takes the options of the task file's filter entry."""

    @abstractmethod
    def apply(self, resps: Sequence[Sequence[Any]], docs: Sequence[dict[str, Any]]) -> Sequence[Any]:
        """Returns the filtered answers.

        Args:
            resps: for each request the list of its answers (one a repeat).
            docs: for each request its document.
        """
