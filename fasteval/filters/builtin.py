"""Registers the built-in filters; `fasteval.api.registry.FILTERS` imports this module at its first look-up."""

from fasteval.filters.extraction import MultiChoiceRegex, Regex
from fasteval.filters.selection import MajorityVote, TakeFirst, TakeFirstK
from fasteval.filters.spans import FormatSpan
from fasteval.filters.text import Lowercase, Map, RemoveWhitespace, Uppercase
from fasteval.filters.thinking import StripThinking

__all__ = [
    "FormatSpan",
    "Lowercase",
    "MajorityVote",
    "Map",
    "MultiChoiceRegex",
    "Regex",
    "RemoveWhitespace",
    "StripThinking",
    "TakeFirst",
    "TakeFirstK",
    "Uppercase",
]
