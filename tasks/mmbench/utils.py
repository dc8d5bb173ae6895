"""MMBench's prompts, parsing and scores. Source: arXiv:2307.06281 §4, and the evaluation in open-compass/VLMEvalKit."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

from fasteval._library._parsing.letters import extract_letter

_ROTATION = 1_000_000  # what a rotation's index is more than that of the one before

# What may stand before and after the letter of an option that is a word of the answer.
_AFFIXES = (
    ("", "."), ("", ","), ("", ":"), ("", ")"), ("", ")."), ("(", ")"), ("(", ")."),
    (":", ""), (":", ","), (":", "."), (":", ")"), (":", ")."),
)  # fmt: skip


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    return [doc["image"].convert("RGB")]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    hint = f"{doc['hint']} " if _is_there(doc["hint"]) else ""
    lines = ["There are several options:", *(f"{letter}. {text}" for letter, text in _options(doc).items())]
    return f"{hint}{doc['question']} " + "\n".join([*lines, lmms_eval_specific_kwargs["post_prompt"]])


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    right = chosen_option(results[0], _options(doc)) == doc["answer"]
    return {"gpt_eval_score": {"index": doc["index"], "score": float(right)}}


def chosen_option(answer: str, options: dict[str, str]) -> str:
    """Returns the letter of the option that the answer names; an empty text where it names none.

    A letter that is a word of the answer comes first, then the one option whose text the answer contains, then what
    looks most like a letter.
    """
    texts = [letter for letter, text in options.items() if text.lower() in answer.lower()]
    return _letter_word(answer) or (texts[0] if len(texts) == 1 else "") or extract_letter(answer, "".join(options))


def circular_accuracy(items: list[dict[str, Any]]) -> float:
    """Returns the share in percent of questions all of whose evaluated rotations are right."""
    questions: dict[int, dict[int, float]] = defaultdict(dict)
    for item in items:
        questions[item["index"] % _ROTATION][item["index"]] = item["score"]
    # A question whose first form was left out by a limit does not count.
    whole = [all(scores.values()) for index, scores in questions.items() if index in scores]
    return 100 * sum(whole) / len(whole) if whole else math.nan


def _letter_word(answer: str) -> str:
    words = answer.split()
    alone = [letter for letter in "ABCDE" if letter in words]
    # In a sentence "A" may well be the article.
    if len(alone) == 1 and not ("A" in words and len(words) > 3):
        return alone[0]
    for before, after in _AFFIXES:
        found = [letter for letter in "ABCDE" if before + letter + after in words]
        if len(found) == 1:
            return found[0]
    return ""


def _options(doc: dict[str, Any]) -> dict[str, str]:
    return {letter: doc[letter] for letter in "ABCDE" if _is_there(doc.get(letter))}


def _is_there(text: Any) -> bool:
    return text not in (None, "", "nan") and text == text  # noqa: PLR0124 - NaN, where a table was read as numbers
