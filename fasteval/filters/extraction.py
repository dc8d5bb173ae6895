"""Filters that find the answer proper within a longer reply: by regular expression, the choices' texts, or labels."""

from __future__ import annotations

import re
import string
import unicodedata
from typing import TYPE_CHECKING, Any

from fasteval.api.registry import register_filter
from fasteval.errors import DocumentError, UsageError
from fasteval.filters.text import TextFilter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["FormatSpan", "MultiChoiceRegex", "Regex", "RegexPos"]

#: GSM8K's form of a final answer; the default of lm-eval's filter.
_DEFAULT_PATTERN = r"#### (\-?[0-9\.\,]+)"
#: Words that models use for the labels of MasakhaNER, in the order in which they are replaced.
_LABELS = {
    "person": "PER",
    "location": "LOC",
    "organization": "ORG",
    "counties": "LOC",
    "places": "LOC",
    "people": "PER",
    "persons": "PER",
    "company": "ORG",
    "country": "LOC",
    "continent": "LOC",
    "time": "DATE",
    "date": "DATE",
    "per": "PER",
    "loc": "LOC",
    "org": "ORG",
}
_LABEL = re.compile(rf"\b({'|'.join(sorted(_LABELS, key=len, reverse=True))})\s*:")
_SPAN = re.compile(r"\b(PER|LOC|ORG|DATE):\s*([^$]+)")


@register_filter("regex")
class Regex(TextFilter):
    """Keeps what a regular expression finds in each answer.

    With groups in the pattern a match is its first group that is not empty; without, the whole match. Options and
    meaning are lm-eval's; where that fails (all groups empty, fewer matches than `group_select` asks for) this filter
    gives the fallback.
    """

    def __init__(
        self, regex_pattern: str = _DEFAULT_PATTERN, group_select: int = 0, fallback: str = "[invalid]"
    ) -> None:
        """Compiles the pattern.

        Args:
            regex_pattern: what to look for.
            group_select: which of the matches counts; 0 is the first, -1 the last.
            fallback: the answer where nothing is found.

        Raises:
            UsageError: the pattern is not a regular expression, or `group_select` no integer.
        """
        if isinstance(group_select, bool) or not isinstance(group_select, int):
            raise UsageError(f"filter regex: group_select must be an integer, got {group_select!r}")
        self.regex = compile_pattern(regex_pattern)
        self.group_select = group_select
        self.fallback = fallback

    def transform(self, text: str, doc: dict[str, Any]) -> str:  # noqa: ARG002 - the base class's signature
        """Returns the selected match, or the fallback."""
        found = self._find(self.regex, text)
        return self.fallback if found is None else found

    def _find(self, regex: re.Pattern[str], text: str) -> str | None:
        matches = regex.findall(text)
        if not -len(matches) <= self.group_select < len(matches):
            return None
        match = matches[self.group_select]
        if isinstance(match, tuple):
            match = next((group for group in match if group), None)
        return None if match is None else str(match).strip()


@register_filter("multi_choice_regex")
class MultiChoiceRegex(Regex):
    """Finds the letter of the chosen option, in three steps of which the first that finds something counts.

    1. `regex_pattern`; its match is the answer as it stands.
    2. The text of an option, from the document's `choices`; the answer is its letter, as "(A)".
    3. A colon and an option's letter, as in "Answer: B"; the answer is "(B)".

    Options and meaning are lm-eval's: among option texts that begin alike the earlier one is found, as there.
    """

    def __init__(
        self,
        regex_pattern: str = _DEFAULT_PATTERN,
        group_select: int = 0,
        fallback: str = "[invalid]",
        ignore_case: bool = False,
        ignore_punctuation: bool = False,
        regexes_to_ignore: Sequence[str] | None = None,
    ) -> None:
        """Compiles the patterns.

        Args:
            regex_pattern: what to look for first.
            group_select: which of the matches counts, in each step.
            fallback: the answer where no step finds anything.
            ignore_case: compare option texts in lower case.
            ignore_punctuation: compare option texts without punctuation (all of Unicode's).
            regexes_to_ignore: compare option texts without what these match.

        Raises:
            UsageError: a pattern is not a regular expression.
        """
        super().__init__(regex_pattern, group_select, fallback)
        self.ignore_case = ignore_case
        self.ignore_punctuation = ignore_punctuation
        self.regexes_to_ignore = [compile_pattern(pattern) for pattern in regexes_to_ignore or ()]

    def transform(self, text: str, doc: dict[str, Any]) -> str:
        """Returns the letter found, or the fallback.

        Raises:
            DocumentError: the document has no list of choices.
        """
        found = self._find(self.regex, text)
        if found:
            return found
        choices = _choices(doc)
        letters = string.ascii_uppercase[: len(choices)]
        # Of equal texts the last one's letter stands, as in lm-eval.
        by_text = {self.simplify(str(choice).strip()): f"({letter})" for choice, letter in zip(choices, letters)}  # noqa: B905 - options after Z have no letter
        by_text.pop("", None)  # an empty text is found everywhere
        by_letter = {letter: f"({letter})" for letter in letters}
        found = self._find_option(by_text, "", self.simplify(text)) or self._find_option(by_letter, r":\s*", text)
        return found or self.fallback

    def _find_option(self, answers: Mapping[str, str], prefix: str, text: str) -> str | None:
        if not answers:
            return None
        regex = re.compile(f"{prefix}({'|'.join(map(re.escape, answers))})")
        found = self._find(regex, text)
        return None if found is None else answers.get(found, found)

    def simplify(self, text: str) -> str:
        """Returns the text as option texts are compared: without what the options say is to be ignored."""
        for regex in self.regexes_to_ignore:
            text = regex.sub("", text)
        if self.ignore_case:
            text = text.lower()
        if self.ignore_punctuation:
            text = "".join(character for character in text if not unicodedata.category(character).startswith("P"))
        return text


@register_filter("regex_pos")
class RegexPos(TextFilter):
    """Reads part-of-speech tags: of each pair `('word', 'TAG')` in the answer the tag, as a list of texts.

    lm-eval's filter of this name takes the options of `regex` and uses none but the fallback; so does this one.
    """

    _PAIR = re.compile(r"\('([^']*)', '([^']*)'\)")

    def __init__(self, regex_pattern: str = "", group_select: int = 0, fallback: list[str] | None = None) -> None:
        """Sets what an answer without pairs becomes: `["invalid"]` if nothing else is said."""
        self.regex_pattern, self.group_select = regex_pattern, group_select
        self.fallback = ["invalid"] if fallback is None else fallback

    def transform(self, text: str, doc: dict[str, Any]) -> list[str]:  # noqa: ARG002 - the base class's signature
        """Returns the tags, or the fallback."""
        return [tag for _, tag in self._PAIR.findall(text)] or self.fallback


@register_filter("format_span")
class FormatSpan(TextFilter):
    """Puts the named entities of each answer in lm-eval's form, "per: ada $ loc: kenya", without entities "none"."""

    def transform(self, text: str, doc: dict[str, Any]) -> str:  # noqa: ARG002 - the base class's signature
        """Returns the entities, each with its label; an empty text if there are none."""
        labelled = _LABEL.sub(lambda match: f"{_LABELS[match[1]]}:", text.lower())
        labelled = labelled.replace("$$", "$").rstrip("$").replace("\n", "$").strip()
        entities = [
            f"{label.lower()}: {entity.strip()}"
            for label, values in _SPAN.findall(labelled)
            for entity in values.split(",")
            if entity.strip() != "none"
        ]
        return " $ ".join(entities)


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Returns the compiled pattern.

    Raises:
        UsageError: it is not a regular expression.
    """
    try:
        return re.compile(pattern)
    except (re.error, TypeError) as error:
        raise UsageError(f"'{pattern}' is not a regular expression: {error}") from None


def _choices(doc: dict[str, Any]) -> Sequence[Any]:
    choices = doc.get("choices") if isinstance(doc, dict) else None
    if not isinstance(choices, list | tuple):
        raise DocumentError("the filter multi_choice_regex needs a list of options in the document's field 'choices'")
    return choices
