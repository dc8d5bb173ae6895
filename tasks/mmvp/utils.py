"""MMVP's prompts, parsing and scores. Source: arXiv:2401.06209 §3, and the data card of MMVP/MMVP.

The benchmark's own scoring asks GPT-4 whether the answer is right; here a letter is looked for, as in lmms-eval.
"""

from __future__ import annotations

import logging
import math
import re
from collections import defaultdict
from typing import Any

_log = logging.getLogger(__name__)

_LETTER = r"\(?([ab])\)?"
# In order: the letter begins the answer; it follows a phrase; it ends a word.
_FORMS = [
    re.compile(form, re.IGNORECASE)
    for form in (rf"\A{_LETTER}[.\s]", rf"answer\s+is\s+{_LETTER}", rf"option\s+{_LETTER}", rf"{_LETTER}(?:\s|\Z)")
]


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    return [doc["image"].convert("RGB")]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    # The options come as "(a) Open (b) Closed".
    texts = re.split(r"\([a-zA-Z]\)", doc["Options"])[1:]
    options = [f"{letter}. {text.strip()}" for letter, text in zip("AB", texts, strict=True)]
    lines = "\n".join([doc["Question"], *options])
    return lmms_eval_specific_kwargs["pre_prompt"] + lines + lmms_eval_specific_kwargs["post_prompt"]


def doc_to_target(doc: dict[str, Any]) -> str:
    letter: str = doc["Correct Answer"].strip().strip("()").upper()
    return letter


def parse_answer(answer: str) -> str:
    """Returns "A", "B", or an empty text."""
    text = answer.strip()
    for form in _FORMS:
        found = form.search(text)
        if found:
            return found[1].upper()
    beginning = text[:1].upper()
    return beginning if beginning in ("A", "B") else ""


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    right = float(parse_answer(results[0]) == doc_to_target(doc))
    # Questions are counted from 1; an odd one and the next are a pair.
    return {"mmvp_accuracy": right, "mmvp_pair_accuracy": {"pair": (int(doc["Index"]) - 1) // 2, "score": right}}


def pair_accuracy(items: list[dict[str, Any]]) -> float:
    """Returns the share of pairs with both questions right; a pair that `--limit` has cut in two does not count."""
    pairs = defaultdict(list)
    for item in items:
        pairs[item["pair"]].append(item["score"])
    whole = [scores for scores in pairs.values() if len(scores) == 2]
    if len(whole) < len(pairs):
        _log.warning("mmvp: %d pairs lack a question and are left out", len(pairs) - len(whole))
    return sum(all(scores) for scores in whole) / len(whole) if whole else math.nan
