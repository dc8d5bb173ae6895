"""Filters that turn one text into another: case, whitespace, a mapping; and the base class that they share."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from fasteval.api.registry import register_filter
from fasteval.errors import UsageError
from fasteval.filters.base import Filter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Lowercase", "Map", "RemoveWhitespace", "TextFilter", "Uppercase"]


class TextFilter(Filter):
    """Base of filters that treat each answer by itself.

    An answer that an earlier filter took out of its list (`take_first`) stays outside of one. A missing answer (None)
    counts as an empty text.
    """

    per_document: ClassVar[bool] = True

    def __init__(self) -> None:
        """Takes no options; subclasses may."""

    @abstractmethod
    def transform(self, text: str, doc: dict[str, Any]) -> Any:
        """Returns what becomes of one answer.

        Args:
            text: the answer.
            doc: the document that it answers.
        """

    def apply(self, resps: Sequence[Sequence[Any]], docs: Sequence[dict[str, Any]]) -> list[Any]:
        """Returns for each request its answers, each transformed."""
        return [self._apply_to_request(answers, doc) for answers, doc in zip(resps, docs, strict=True)]

    def _apply_to_request(self, answers: Any, doc: dict[str, Any]) -> Any:
        if answers is None or isinstance(answers, str):
            return self.transform(answers or "", doc)
        return [self.transform(self._text(answer), doc) for answer in answers]

    def _text(self, answer: Any) -> str:
        if answer is None:
            return ""
        if not isinstance(answer, str):
            raise UsageError(f"the filter {type(self).__name__} takes texts, and got a {type(answer).__name__}")
        return answer


@register_filter("lowercase")
class Lowercase(TextFilter):
    """Puts answers in lower case."""

    def transform(self, text: str, doc: dict[str, Any]) -> str:  # noqa: ARG002 - the base class's signature
        """Returns the text in lower case."""
        return text.lower()


@register_filter("uppercase")
class Uppercase(TextFilter):
    """Puts answers in upper case."""

    def transform(self, text: str, doc: dict[str, Any]) -> str:  # noqa: ARG002 - the base class's signature
        """Returns the text in upper case."""
        return text.upper()


@register_filter("remove_whitespace")
class RemoveWhitespace(TextFilter):
    """Drops the one leading space that many tokenizers put before the first word, as in lm-eval; nothing else."""

    def transform(self, text: str, doc: dict[str, Any]) -> str:  # noqa: ARG002 - the base class's signature
        """Returns the text without one leading space."""
        return text.removeprefix(" ")


@register_filter("map")
class Map(TextFilter):
    """Replaces answers by what a mapping has for them."""

    def __init__(self, mapping_dict: Mapping[str, Any] | None = None, default_value: Any = None) -> None:
        """Sets the mapping.

        Args:
            mapping_dict: answer -> replacement.
            default_value: what replaces an answer that the mapping lacks.

        Raises:
            UsageError: `mapping_dict` is not a mapping.
        """
        mapping = {} if mapping_dict is None else mapping_dict
        if not isinstance(mapping, dict):
            raise UsageError(f"filter map: mapping_dict must be a mapping, got {mapping!r}")
        self.mapping_dict = mapping
        self.default_value = default_value

    def transform(self, text: str, doc: dict[str, Any]) -> Any:  # noqa: ARG002 - the base class's signature
        """Returns the text's replacement."""
        return self.mapping_dict.get(text, self.default_value)
