"""`_task_utils.mmmu_mcq_utils`: MMMU's rules for the chosen option in a reply, and those of its relatives."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

from fasteval.compat.letters import candidates_by_form, stripped_reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "get_multi_choice_info",
    "parse_jmmmu_multi_choice_response",
    "parse_jmmmu_pro_multi_choice_response",
    "parse_mmmu_multi_choice_response",
    "parse_videommmu_multi_choice_response",
]

_MARKS = ",.!?;:'"
_JAPANESE = "[\u3040-\u30ff\u4e00-\u9fff]"
#: Wide letters -> ordinary ones.
_WIDE = {0xFF21 + offset: chr(ord("A") + offset) for offset in range(26)}
_OPTION_LINE = re.compile(r"\s*[-*・>•]?\s*[A-Z][.)、。\uff1a:]", re.IGNORECASE)
_SAID = re.compile(
    r"(?:answer|final|correct|solution|ans|正解(?:は)?|答え(?:は)?|解答(?:は)?)\s*[:\uff1a]?\s*[【\[(】*_-]*([A-Z])[】\])*_-]*\b",
    re.IGNORECASE,
)
_ALONE = re.compile(r"[【\[(*]*([A-Z])[】\])*]*\b", re.IGNORECASE)


def get_multi_choice_info(options: Sequence[str], start_chr: str = "A") -> tuple[dict[str, str], list[str]]:
    """Returns the options by letter, and the letters."""
    letters = [chr(ord(start_chr) + index) for index in range(len(options))]
    return dict(zip(letters, options, strict=True)), letters


def parse_mmmu_multi_choice_response(response: str, all_choices: Sequence[str], index2ans: Mapping[str, str]) -> str:
    """Returns the chosen letter by MMMU's rules: "(A)", "A ", "A.", or the option's text in a reply of over five words.

    Of several the last counts. If there is none, MMMU draws a letter by chance: here it is drawn by the reply, so that
    it does not depend on which documents came before.
    """
    text = stripped_reply(response, _MARKS)
    for form, place in (("({})", "({})"), ("{} ", " {} "), ("{}.", " {} ")):
        found = candidates_by_form(text, all_choices, form)
        if found:
            return _last(text, [letter for letter, _ in found], place)
    return _by_text(text, index2ans) or _drawn(text, all_choices)


def parse_jmmmu_multi_choice_response(response: str, all_choices: Sequence[str], index2ans: Mapping[str, str]) -> str:
    """Returns the chosen letter by JMMMU's rules: MMMU's, and a letter between Japanese characters before "A."."""
    text = stripped_reply(response, _MARKS + "、。\uff01\uff1f\uff1b\uff1a")
    for form, place in (("({})", "({})"), ("{} ", " {} ")):
        found = [letter for letter, _ in candidates_by_form(text, all_choices, form)]
        if found:
            return _last(text, found, place)
    found = [letter for letter in all_choices if re.search(f"{_JAPANESE}{letter}{_JAPANESE}", text)]
    found = found or [letter for letter, _ in candidates_by_form(text, all_choices, "{}.")]
    if found:
        return _last(text, found, " {} ")
    return _by_text(text, index2ans) or _drawn(text, all_choices)


def parse_videommmu_multi_choice_response(
    response: str, all_choices: Sequence[str], index2ans: Mapping[str, str]
) -> str:
    """Returns the chosen letter by Video-MMMU's rules: "A." or "A:", "(A)", "A ", or the option's text."""
    if response in ("", "API Error"):
        return "API Error"
    text = stripped_reply(response, _MARKS)
    by_form = {form: candidates_by_form(text, all_choices, form) for form in ("{}.", "{}:", "({})", "{} ")}
    found = [letter for form in ("{}.", "{}:") for letter, _ in by_form[form]]
    if found:
        return _last(text, found, "{}." if by_form["{}."] else "{}:")
    for form, place in (("({})", "({})"), ("{} ", " {} ")):
        if by_form[form]:
            return _last(text, [letter for letter, _ in by_form[form]], place)
    return _by_text(text, index2ans) or "No Answer Found."


def parse_jmmmu_pro_multi_choice_response(response: str, all_choices: Sequence[str]) -> str:
    """Returns the chosen letter by JMMMU-Pro's rules, or "X".

    A letter after a word such as "answer" or 正解 counts, first in the first line and then anywhere; else the last
    letter that stands alone outside of a list of options. Wide letters count as ordinary ones.
    """
    lines = [line.strip() for line in (response or "").translate(_WIDE).splitlines() if line.strip()]
    if not lines:
        return "X"
    said = _SAID.search(lines[0]) or _SAID.search((response or "").translate(_WIDE))
    alone = [found for line in lines if not _OPTION_LINE.match(line) for found in _ALONE.findall(line)]
    letter = said[1].upper() if said else alone[-1].upper() if alone else ""
    return letter if letter in all_choices else "X"


def _last(text: str, letters: Sequence[str], form: str) -> str:
    """Returns the letter whose `form` comes last; the first letter where none is there."""
    return max(letters, key=lambda letter: text.rfind(form.format(letter)))


def _by_text(text: str, options: Mapping[str, str]) -> str | None:
    if len(text.split()) <= 5:
        return None
    lowered = text.lower()
    found = [letter for letter, option in options.items() if option.lower() in lowered]
    return max(found, key=lambda letter: lowered.rfind(options[letter].lower())) if found else None


def _drawn(text: str, letters: Sequence[str]) -> str:
    return random.Random(text).choice(letters)  # noqa: S311 - chance, not secrecy
