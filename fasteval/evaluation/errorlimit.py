"""`ErrorLimit`: how many documents may stay without a score before a run is stopped (`--on_error`)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fasteval.errors import ErrorLimitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fasteval.evaluation.scorer import TaskScorer

__all__ = ["ErrorLimit", "ErrorWatch"]

_THRESHOLD = re.compile(r"threshold=(\d+(?:\.\d+)?)(%?)")


@dataclass(frozen=True, slots=True)
class ErrorLimit:
    """What `--on_error` says.

    Attributes:
        text: as it was said.
        share: share of the documents that may fail; None where their number is limited.
        count: number of documents that may fail.
    """

    text: str
    share: float | None = None
    count: float = math.inf

    @classmethod
    def parse(cls, text: str) -> ErrorLimit:
        """Reads `finish`, `fail`, `threshold=1%` or `threshold=20`.

        Raises:
            UsageError: it is none of these.
        """
        if text in ("finish", "fail"):
            return cls(text, count=math.inf if text == "finish" else 0)
        match = _THRESHOLD.fullmatch(text)
        if match is None or (match[2] and float(match[1]) > 100):
            raise UsageError(f"--on_error {text} is not one of finish, fail, threshold=<share>% and threshold=<number>")
        return cls(text, share=float(match[1]) / 100) if match[2] else cls(text, count=float(match[1]))

    def most(self, documents: int) -> float:
        """Returns how many of so many documents may fail."""
        return self.count if self.share is None else self.share * documents


class ErrorWatch:
    """Counts the documents of a run that have no score."""

    def __init__(self, limit: ErrorLimit, scorers: Iterable[TaskScorer]) -> None:
        """Watches over all documents of `scorers`; some may have failed already, because nobody could prompt them.

        Raises:
            ErrorLimitError: more than the limit allows.
        """
        self._limit, self._errors = limit, 0
        scorers = list(scorers)
        self._documents = sum(scorer.documents for scorer in scorers)
        self._seen = {scorer.task_name: 0 for scorer in scorers}
        for scorer in scorers:
            self.look(scorer)

    def look(self, scorer: TaskScorer) -> None:
        """Counts what has failed in one task since the last look.

        Raises:
            ErrorLimitError: more than the limit allows.
        """
        new = len(scorer.failed) - self._seen[scorer.task_name]
        if not new:
            return
        self._seen[scorer.task_name] += new
        self._errors += new
        if self._errors <= self._limit.most(self._documents):
            return
        last = scorer.failed[-1]
        reason = f"{scorer.task_name}, document {last.doc_id}: {last.error}"
        if self._limit.text != "fail":
            counts = f"{self._errors:,} of {self._documents:,} documents have no score"
            reason = f"{counts}, more than --on_error {self._limit.text} allows; the last one is {reason}"
        raise ErrorLimitError(f"{reason}; the answers so far are kept")
