"""Finds the letter of the chosen option in a free answer, where a benchmark leaves open how answers are read.

The forms and their order are those of lmms-eval's extractor for multiple choice, so that numbers compare.
"""

from __future__ import annotations

__all__ = ["extract_letter"]

_PHRASES = (
    *(
        article + phrase
        for article in ("the ", "")
        for phrase in (
            "answer is", "correct answer is", "best answer is", "correct option is", "best option is", "choice is",
            "correct choice is",
        )
    ),
    "i choose", "i select", "i pick", "my answer is", "my choice is",
    "옵션", "정답은", "답은", "답:", "答案是", "答案为", "选", "答えは",
)  # fmt: skip

# After the phrases: the surer form first.
_FORMS = ("({})", "{}.", "{}:", "{})", "{} ", "{}")


def extract_letter(answer: str, letters: str = "ABCD") -> str:
    """Returns the chosen letter; an empty text where there is none.

    A letter that begins or ends the answer and is no part of a word comes first, then one after a phrase such as "the
    answer is", then the forms (A), A., A:, A), a letter before a space, and any letter at all. Within a form the last
    letter in the answer counts, so that an answer which weighs the options before it decides is read by its decision.

    Args:
        answer: what the model said.
        letters: the options' letters, in capitals.
    """
    text = answer.strip()
    for mark in ",.!?;:'\"":
        text = text.strip(mark)
    bare, text = text.strip(), f" {text} "
    if not bare:
        return ""
    if bare[0] in letters and not bare[1:2].isalpha():
        return bare[0]
    if bare[-1] in letters and not bare[-2:-1].isalpha():
        return bare[-1]
    found = _after_phrase(text, letters)
    for form in _FORMS:
        if found:
            break
        found = [(text.rfind(form.format(letter)), letter) for letter in letters if form.format(letter) in text]
    return max(found)[1] if found else ""


def _after_phrase(text: str, letters: str) -> list[tuple[int, str]]:
    """Returns where each letter stands first after the first place of each phrase."""
    lowered = text.lower()
    ends = [lowered.find(phrase) + len(phrase) for phrase in _PHRASES if phrase in lowered]
    return [(text.find(letter, end), letter) for end in ends for letter in letters if letter in text[end:]]
