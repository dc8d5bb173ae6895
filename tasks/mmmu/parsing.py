"""How MMMU reads answers. Source: the rules of eval_utils.py in github.com/MMMU-Benchmark/MMMU."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["open_answer_is_right", "parse_choice"]

_INDICATORS = ("could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result ")
_NUMBERS = (
    re.compile(r"-?\b\d{1,3}(?:,\d{3})+\b"),  # 1,234
    re.compile(r"-?\d+(?:\.\d+)?[eE][+-]?\d+"),  # 1.5e-3
    re.compile(r"-?(?:\d+\.\d+|\.\d+|\d+\b)(?![eE][+-]?\d+)(?![,\d])"),  # 12.5
)


def parse_choice(answer: str, options: Mapping[str, str], *, seed: str) -> str:
    """Returns the letter of the option that the answer names; one that `seed` draws where it names none.

    Looked for are (A), then A before a space, then A., then, in answers of more than five words, the options' texts.
    Of several finds the last one in the answer counts.
    """
    text = answer
    for mark in ",.!?;:'":
        text = text.strip(mark)
    text = f" {text} "
    for form, place in (("({})", "({})"), ("{} ", " {} "), ("{}.", " {} ")):
        found = [letter for letter in options if form.format(letter) in text]
        if found:
            return max(found, key=lambda letter: text.rfind(place.format(letter)))
    lowered = text.lower()
    if len(text.split()) > 5:
        found = [letter for letter, option in options.items() if option.lower() in lowered]
        if found:
            return max(found, key=lambda letter: lowered.rfind(options[letter].lower()))
    return random.Random(seed).choice(list(options))  # noqa: S311 - the benchmark's guess, not a secret


def open_answer_is_right(answer: str, targets: Iterable[str]) -> bool:
    """Whether the part of the answer that matters contains one of the right answers, or has its number."""
    wanted = {form for target in targets for form in _normalise(target)}
    texts = [form for form in wanted if isinstance(form, str)]
    for piece in _pieces(answer):
        for form in _normalise(piece):
            if (form in wanted) if isinstance(form, float) else any(text in form for text in texts):
                return True
    return False


def _pieces(answer: str) -> list[str]:
    """Returns of each line what follows the last of the words that announce a result, and all numbers in it."""
    whole = answer.strip().strip(".").lower()
    lines = whole.split("\n")
    pieces = []
    for number, line in enumerate(lines, 1):
        # The last line may be an equation.
        indicators = (*_INDICATORS, "=") if number == len(lines) else _INDICATORS
        tails = [line.split(word)[-1].strip() for word in indicators if word in line]
        shortest = _shortest(tails)
        if shortest and shortest not in tuple(":,.!?;'"):
            pieces.append(shortest)
    pieces = pieces or [whole]
    return [*pieces, *(number for piece in pieces for pattern in _NUMBERS for number in pattern.findall(piece))]


def _shortest(tails: list[str]) -> str:
    """Returns the shortest text. An empty one is replaced by whatever comes after it, as in the benchmark's program."""
    shortest = ""
    for tail in tails:
        if not shortest or len(tail) < len(shortest):
            shortest = tail
    return shortest


def _normalise(text: str) -> list[str | float]:
    """Returns a number rounded to two decimals, else the lower-case text; a lone letter wants a space beside it."""
    text = text.strip()
    try:
        return [round(float(text.replace(",", "")), 2)]
    except ValueError:
        text = text.lower()
    return [f" {text}", f"{text} "] if len(text) == 1 else [text]
