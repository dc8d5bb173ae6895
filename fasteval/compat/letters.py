"""`_task_utils.mcq_extract`: the letter of the chosen option in a free reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["candidates_by_form", "extract_mcq_answer", "stripped_reply"]

_LETTERS = tuple("ABCDEFGH")
_PHRASES = (
    *(f"{which}{what} is" for which in ("the ", "") for what in ("answer", "correct answer", "best answer")),
    *(f"{which}{what} is" for which in ("the ", "") for what in ("correct option", "best option")),
    *(f"{which}{what} is" for which in ("the ", "") for what in ("choice", "correct choice")),
    *("i choose", "i select", "i pick", "my answer is", "my choice is"),
    *("옵션", "정답은", "답은", "답:", "答案是", "答案为", "选", "答えは"),  # Korean, Chinese, Japanese
)
#: How sure each form of an answer is; the surest form counts, and of equally sure ones the last in the reply.
_SURENESS = {"start": 10, "end": 9, "phrase": 7, "({})": 6, "{}.": 5, "{}:": 4, "{})": 3, "{} ": 2, "anywhere": 0}


def extract_mcq_answer(response: str | None, choices: Sequence[str] | None = None) -> str:
    """Returns the letter that the reply chooses, or an empty text.

    The rules and their ranks are lmms-eval's, so that its tasks score alike: a letter at the reply's beginning or end,
    after a phrase such as "the answer is", in brackets, before a full stop, a colon, a bracket or a space; if there is
    none of these, anywhere.

    Args:
        response: the reply, without reasoning.
        choices: the options' letters; A to H by default.
    """
    if not response or not response.strip():
        return ""
    text = stripped_reply(response.strip(), ",.!?;:'\"")
    letters = choices or _LETTERS
    found = [(_SURENESS[form], place, letter) for letter, place, form in _candidates(text, letters)]
    if not found:
        found = [(0, text.rfind(letter), letter) for letter in letters if letter in text]
    # The first among equals, as a stable sort has it.
    return max(found, key=lambda entry: entry[:2])[2] if found else ""


def stripped_reply(text: str, marks: str) -> str:
    """Returns the reply between two spaces, without the `marks` around it: each is taken off once, in their order."""
    for mark in marks:
        text = text.strip(mark)
    return f" {text} "


def candidates_by_form(text: str, letters: Sequence[str], form: str) -> list[tuple[str, int]]:
    """Returns the letters that occur in a form such as "({})", each with its last place."""
    return [(letter, text.rfind(form.format(letter))) for letter in letters if form.format(letter) in text]


def _candidates(text: str, letters: Sequence[str]) -> Iterator[tuple[str, int, str]]:
    for form in ("({})", "{}.", "{}:", "{})", "{} "):
        for letter, place in candidates_by_form(text, letters, form):
            yield letter, place, form
    lowered, inner = text.lower(), text.strip()
    for phrase in _PHRASES:
        begin = lowered.find(phrase)
        for letter in letters if begin >= 0 else ():
            place = text.find(letter, begin + len(phrase))
            if place >= 0:
                yield letter, place, "phrase"
    for letter in letters:
        if inner.startswith(letter) and not inner[1:2].isalpha():
            yield letter, 0, "start"
        if inner.endswith(letter) and not inner[-2:-1].isalpha():
            yield letter, len(text) - 1, "end"
