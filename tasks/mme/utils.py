"""MME's prompts, parsing and scores. Source: arXiv:2306.13394 §2.2, and the benchmark's own evaluation tool."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from typing import Any

PERCEPTION = (
    "existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR",
)  # fmt: skip
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")

_log = logging.getLogger(__name__)

# What every question of the data set ends in; a prompt of its own takes its place.
_ENDING = " Please answer yes or no."


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    return [doc["image"].convert("RGB")]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    before, after = lmms_eval_specific_kwargs["pre_prompt"], lmms_eval_specific_kwargs["post_prompt"]
    question: str = doc["question"].strip()
    if before or after:
        question = question.replace(_ENDING, "")
    return before + question + after


def parse_answer(answer: str) -> str:
    """Returns "yes", "no" or "other": the whole answer, one letter, or what its first four characters contain."""
    text = answer.lower().strip().replace(".", "")
    if text in ("yes", "no"):
        return text
    if len(text) == 1:
        return {"y": "yes", "n": "no"}.get(text, "other")
    beginning = text[:4]
    if "yes" in beginning:
        return "yes"
    return "no" if "no" in beginning else "other"


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    target = doc["answer"].lower().strip().replace(".", "")
    if target not in ("yes", "no"):
        raise ValueError(f"the answer {doc['answer']!r} is neither yes nor no")
    category = doc["category"]
    if category not in (*PERCEPTION, *COGNITION):
        raise ValueError(f"MME has no category {category!r}")
    half = "perception" if category in PERCEPTION else "cognition"
    right = float(parse_answer(results[0]) == target)
    item = {"question_id": doc["question_id"], "category": category, "score": right}
    return {f"mme_{half}_score": item, f"mme_{category}": item}


def score(items: list[dict[str, Any]]) -> float:
    """Returns the sum over the categories of accuracy + accuracy+, in points (at most 200 a category).

    Accuracy is the share of right questions, accuracy+ that of images with both questions right. An image of which
    only one question was evaluated (an odd `--limit`) is left out of both.
    """
    images: dict[str, dict[Any, list[float]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        images[item["category"]][item["question_id"]].append(item["score"])
    total, counted = 0.0, 0
    for category, answers in images.items():
        pairs = [rights for rights in answers.values() if len(rights) == 2]
        if len(pairs) < len(answers):
            _log.warning("mme: %s: %d images lack a question and are left out", category, len(answers) - len(pairs))
        if pairs:
            counted += 1
            total += sum(50 * sum(rights) + 100 * (sum(rights) == 2) for rights in pairs) / len(pairs)
    return total if counted else math.nan
