"""The VQA accuracy, and how answers are made alike before they are compared.

Source: Antol et al. 2015 (arXiv:1505.00468) §5, the evaluation program at visualqa.org, and the form of it that the VQA
challenges on EvalAI use (all answers are normalised, also where all people agree).
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["normalise", "vqa_accuracy"]

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_BETWEEN_DIGITS = re.compile(r"(?<=\d),+(?=\d)")
_FULL_STOP = re.compile(r"\.(?!\d)")
_ARTICLES = frozenset({"a", "an", "the"})
_UP_TO_TEN = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {"none": "0"} | {word: str(number) for number, word in enumerate(_UP_TO_TEN)}

# Words that are written with all their apostrophes even if one of them is missing.
_CONTRACTIONS = """
    ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd he's how'd how'll how's isn't
    it'd it'll ma'am might've mightn't must've mustn't needn't not've o'clock oughtn't shan't should've shouldn't
    somebody'd somebody'll somebody's someone'd someone'll someone's something'd something'll that's there'd there're
    there's they'd they'll they're they've 'twas wasn't we've weren't what'll what're what's what've when's where'd
    where's where've who'd who'll who's who've why'll why're why's won't would've wouldn't y'all you'd you'll you're
    you've couldn't've hadn't've he'd've it'd've mightn't've she'd've shouldn't've somebody'd've someone'd've
    something'd've there'd've they'd've we'd've who'd've wouldn't've you'd've y'all'll y'all'd've 'ow's'at
"""


def _without_one_apostrophe(word: str) -> list[str]:
    return [word[:place] + word[place + 1 :] for place, letter in enumerate(word) if letter == "'"]


_FULL_FORMS = dict(
    chain.from_iterable(((short, word) for short in _without_one_apostrophe(word)) for word in _CONTRACTIONS.split())
)


def normalise(text: str) -> str:
    """Returns the answer in lower case, without punctuation and articles, with digits for numbers up to ten.

    A mark that stands beside a space is removed, another one becomes a space; in an answer with a comma between digits
    all marks are removed. Full stops stay before digits.
    """
    has_thousands = _BETWEEN_DIGITS.search(text) is not None
    cleaned = text
    for mark in _PUNCTUATION:
        is_removed = has_thousands or f"{mark} " in text or f" {mark}" in text
        cleaned = cleaned.replace(mark, "" if is_removed else " ")
    words = [_NUMBERS.get(word, word) for word in _FULL_STOP.sub("", cleaned).lower().split()]
    return " ".join(_FULL_FORMS.get(word, word) for word in words if word not in _ARTICLES)


def vqa_accuracy(answer: str, targets: Sequence[str]) -> float:
    """Returns the mean, over all choices of all people but one, of min(1, people who gave this answer / 3).

    Args:
        answer: the answer, normalised.
        targets: what the people answered, normalised; mostly ten.

    Raises:
        ValueError: there are no targets.
    """
    if not targets:
        raise ValueError("there is no right answer")
    same = sum(target == answer for target in targets)
    total = same * min(1.0, (same - 1) / 3) + (len(targets) - same) * min(1.0, same / 3)
    return total / len(targets)
