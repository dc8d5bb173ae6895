"""Registers the built-in filters; `fasteval.api.registry.FILTERS` imports this module at its first look-up."""

from fasteval.filters.custom import Custom
from fasteval.filters.extraction import MultiChoiceRegex, Regex, RegexPos
from fasteval.filters.selection import MajorityVote, TakeFirst, TakeFirstK
from fasteval.filters.spans import FormatSpan
from fasteval.filters.text import Lowercase, Map, RemoveWhitespace, Uppercase
from fasteval.filters.thinking import StripThinking

__all__ = [
    "Custom",
    "FormatSpan",
    "Lowercase",
    "MajorityVote",
    "Map",
    "MultiChoiceRegex",
    "Regex",
    "RegexPos",
    "RemoveWhitespace",
    "StripThinking",
    "TakeFirst",
    "TakeFirstK",
    "Uppercase",
]
