"""`_task_utils.vqa_eval_metric`: answers in the normal form of the VQA challenge, before they are compared."""

from __future__ import annotations

import re
from typing import Any, ClassVar

__all__ = ["EvalAIAnswerProcessor"]

#: Words that are written without their apostrophe, in the challenge's list.
_ONCE = [
    "ain't",
    "aren't",
    "can't",
    "could've",
    "couldn't",
    "didn't",
    "doesn't",
    "don't",
    "hadn't",
    "hasn't",
    "haven't",
    "he'd",
    "he's",
    "how'd",
    "how'll",
    "how's",
    "I'm",
    "I've",
    "isn't",
    "it'd",
    "it'll",
    "ma'am",
    "mightn't",
    "might've",
    "mustn't",
    "must've",
    "needn't",
    "not've",
    "o'clock",
    "oughtn't",
    "shan't",
    "should've",
    "shouldn't",
    "somebody'll",
    "somebody's",
    "someone'd",
    "someone'll",
    "someone's",
    "something'd",
    "something'll",
    "that's",
    "there'd",
    "there're",
    "there's",
    "they'd",
    "they'll",
    "they're",
    "they've",
    "'twas",
    "wasn't",
    "we've",
    "weren't",
    "what'll",
    "what're",
    "what's",
    "what've",
    "when's",
    "where'd",
    "where's",
    "where've",
    "who'd",
    "who'll",
    "who's",
    "who've",
    "why'll",
    "why're",
    "why's",
    "won't",
    "would've",
    "wouldn't",
    "y'all",
    "you'd",
    "you'll",
    "you're",
    "you've",
]
#: Words with two apostrophes of which either may be missing.
_TWICE = [
    "couldn't've",
    "hadn't've",
    "he'd've",
    "I'd've",
    "it'd've",
    "mightn't've",
    "she'd've",
    "shouldn't've",
    "somebody'd've",
    "someone'd've",
    "something'd've",
    "there'd've",
    "they'd've",
    "we'd've",
    "who'd've",
    "wouldn't've",
    "y'all'll",
    "you'd've",
]
#: What follows no rule; "somebodyd" is the challenge's own spelling.
_ODD = {
    **dict.fromkeys(("ow's'at", "'ows'at", "'ow'sat"), "'ow's'at"),
    **dict.fromkeys(("yall'd've", "y'alld've", "y'all'dve"), "y'all'd've"),
    "somebody'd": "somebodyd",
    "let's": "let's",
    "she's": "she's",
}
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_COMMA_IN_NUMBER = re.compile(r"(?<=\d),+(?=\d)")
_FULL_STOP = re.compile(r"\.(?!\d)")


def _without(word: str, index: int) -> str:
    """Returns the word without its apostrophe number `index`."""
    parts = word.split("'")
    return "'".join((*parts[:index], parts[index] + parts[index + 1], *parts[index + 2 :]))


class EvalAIAnswerProcessor:
    """Brings an answer into the normal form of the VQA challenge's evaluation server (Antol et al. 2015).

    Lower case; punctuation out, or replaced by a space where it stands between letters; numbers up to ten as digits;
    no articles; apostrophes where they belong.
    """

    CONTRACTIONS: ClassVar[dict[str, str]] = (
        {word.replace("'", ""): word for word in _ONCE}
        | {_without(word, index): word for word in _TWICE for index in range(2)}
        | _ODD
    )
    NUMBER_MAP: ClassVar[dict[str, str]] = {"none": "0"} | {word: str(value) for value, word in enumerate(_NUMBERS)}
    ARTICLES: ClassVar[list[str]] = ["a", "an", "the"]
    PUNCTUATIONS: ClassVar[list[str]] = list(';/[]"{}()=+\\_-><@`,?!')

    def __init__(self, *_: Any, **__: Any) -> None:
        """Takes no options."""

    def word_tokenize(self, word: str) -> str:
        """Returns the text in lower case, without commas and question marks, and with a space before "'s"."""
        return word.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()

    def process_punctuation(self, in_text: str) -> str:
        """Returns the text without punctuation."""
        text = in_text
        has_large_number = _COMMA_IN_NUMBER.search(in_text) is not None
        for mark in self.PUNCTUATIONS:
            is_at_an_edge = f"{mark} " in in_text or f" {mark}" in in_text
            text = text.replace(mark, "" if is_at_an_edge or has_large_number else " ")
        return _FULL_STOP.sub("", text)

    def process_digit_article(self, in_text: str) -> str:
        """Returns the text with digits for numbers, without articles, and with the apostrophes put back."""
        words = (self.NUMBER_MAP.get(word, word) for word in in_text.lower().split())
        return " ".join(self.CONTRACTIONS.get(word, word) for word in words if word not in self.ARTICLES)

    def __call__(self, item: str) -> str:
        """Returns the answer in normal form."""
        text = re.sub(r"[\n\t]", " ", self.word_tokenize(item)).strip()
        return self.process_digit_article(self.process_punctuation(text))
