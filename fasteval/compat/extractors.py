"""`lmms_eval.verifiers.extractors`: what takes the answer proper out of a reply before it is verified."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from fasteval.compat.letters import extract_mcq_answer
from fasteval.filters.thinking import strip_thinking

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Extractor", "MCQExtractor", "StripReasoningExtractor"]

_TAGS = (("<think>", "</think>"), ("<thinking>", "</thinking>"))


class Extractor(ABC):
    """Base of extractors; calling one extracts."""

    @abstractmethod
    def extract(self, text: str, **kwargs: Any) -> str:
        """Returns the answer proper."""

    def __call__(self, text: str, **kwargs: Any) -> str:
        """Returns `extract`."""
        return self.extract(text, **kwargs)


class StripReasoningExtractor(Extractor):
    """Drops a model's reasoning."""

    def __init__(self, tag_pairs: Sequence[Sequence[str]] | None = None) -> None:
        """Sets the pairs of tags around reasoning."""
        self.tag_pairs = tag_pairs or _TAGS

    def extract(self, text: Any, **_: Any) -> str:
        """Returns the text without reasoning; nothing is an empty text."""
        if not isinstance(text, str):
            return "" if text is None else str(text)
        return strip_thinking(text, self.tag_pairs)


class MCQExtractor(Extractor):
    """Takes the letter of the chosen option; see `extract_mcq_answer`."""

    def __init__(self, choices: Sequence[str] | None = None) -> None:
        """Sets the options' letters."""
        self.choices = choices

    def extract(self, text: str, **kwargs: Any) -> str:
        """Returns the letter, or an empty text."""
        return extract_mcq_answer(text, kwargs.get("choices", self.choices))
