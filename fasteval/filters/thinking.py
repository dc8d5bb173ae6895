"""Removes a model's reasoning from its answer, so that metrics and extractions see the final answer alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasteval.api.registry import register_filter
from fasteval.errors import UsageError
from fasteval.filters.text import TextFilter

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DEFAULT_TAGS", "StripThinking", "strip_thinking"]

#: Opening and closing tags of reasoning.
DEFAULT_TAGS: tuple[tuple[str, str], ...] = (("<think>", "</think>"), ("<analysis>", "</analysis>"))


def strip_thinking(text: str, tags: Sequence[Sequence[str]] = DEFAULT_TAGS) -> str:
    """Returns `text` without its reasoning, and without whitespace around the rest.

    Three forms count as reasoning: what stands between a pair of tags; everything before a closing tag that nothing
    opened (many chat templates put the opening tag at the end of the prompt); everything after an opening tag that
    nothing closes (the answer was cut off while the model was still thinking, so it holds no final answer).

    Args:
        text: the answer.
        tags: pairs of opening and closing tag.
    """
    for opening, closing in tags:
        if closing in text or opening in text:
            text = _strip_pair(text, opening, closing)
    return text.strip()


def _strip_pair(text: str, opening: str, closing: str) -> str:
    while True:
        start, end = text.find(opening), text.find(closing)
        if end < 0:
            return text if start < 0 else text[:start]
        before = text[:start] if 0 <= start < end else ""
        text = before + text[end + len(closing) :]


@register_filter("strip_thinking")
class StripThinking(TextFilter):
    """Removes the reasoning from answers; see `strip_thinking`."""

    def __init__(self, tag_pairs: Sequence[Sequence[str]] | None = None) -> None:
        """Sets the tags.

        Args:
            tag_pairs: pairs of opening and closing tag; `DEFAULT_TAGS` where not given.

        Raises:
            UsageError: `tag_pairs` is not a list of pairs of texts.
        """
        self.tag_pairs = DEFAULT_TAGS if tag_pairs is None else _checked(tag_pairs)

    def transform(self, text: str, doc: dict[str, Any]) -> str:  # noqa: ARG002 - the base class's signature
        """Returns the text without its reasoning."""
        return strip_thinking(text, self.tag_pairs)


def _checked(tag_pairs: Any) -> tuple[tuple[str, str], ...]:
    form = 'filter strip_thinking: tag_pairs must be pairs of texts such as [["<think>", "</think>"]]'
    if not isinstance(tag_pairs, list | tuple):
        raise UsageError(f"{form}, got {tag_pairs!r}")
    for pair in tag_pairs:
        is_pair = isinstance(pair, list | tuple) and len(pair) == 2
        if not is_pair or not all(isinstance(tag, str) and tag for tag in pair):
            raise UsageError(f"{form}, got {pair!r} among them")
    return tuple((opening, closing) for opening, closing in tag_pairs)
