"""The foreign packages' filter classes, as bases for the filters of task folders: fasteval's own under their names."""

from __future__ import annotations

import sys
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from fasteval.filters.base import Filter
from fasteval.filters.extraction import MultiChoiceRegex, Regex
from fasteval.filters.selection import MajorityVote, TakeFirst, TakeFirstK
from fasteval.filters.text import Lowercase, Map, RemoveWhitespace, Uppercase

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

__all__ = [
    "ExtendedRegexFilter",
    "Filter",
    "LowercaseFilter",
    "MajorityVoteFilter",
    "MapFilter",
    "MultiChoiceRegexFilter",
    "RegexFilter",
    "TakeFirstFilter",
    "TakeKFilter",
    "UppercaseFilter",
    "WhitespaceFilter",
]


class RegexFilter(Regex):
    """The filter `regex`. A class derived from it may look at all documents, so it waits for them."""

    per_document: ClassVar[bool] = False


class MultiChoiceRegexFilter(MultiChoiceRegex):
    """The filter `multi_choice_regex`."""

    per_document: ClassVar[bool] = False


class MapFilter(Map):
    """The filter `map`."""

    per_document: ClassVar[bool] = False


class ExtendedRegexFilter(MultiChoiceRegexFilter):
    """A base for filters that compare option texts: the options of `multi_choice_regex`, and two helpers."""

    transform = Regex.transform

    @property
    def punct_tbl(self) -> dict[int, None]:
        """What `str.translate` takes to drop all of Unicode's punctuation."""
        return _punctuation()

    def filter_ignores(self, st: str) -> str:
        """Returns the text without what the options say is to be ignored."""
        return self.simplify(st)

    def find_match(self, regex: re.Pattern[str], resp: str, convert_dict: Mapping[str, Any] | None = None) -> Any:
        """Returns the selected match, replaced by what `convert_dict` has for it; an empty list if there is none."""
        found = self._find(regex, resp)
        if found is None:
            return []
        return (convert_dict or {}).get(found, found) if found else found


@cache
def _punctuation() -> dict[int, None]:
    return dict.fromkeys(code for code in range(sys.maxunicode) if unicodedata.category(chr(code)).startswith("P"))


LowercaseFilter, UppercaseFilter, WhitespaceFilter = Lowercase, Uppercase, RemoveWhitespace
MajorityVoteFilter, TakeFirstFilter, TakeKFilter = MajorityVote, TakeFirst, TakeFirstK
