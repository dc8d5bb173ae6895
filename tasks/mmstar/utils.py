"""MMStar's prompts and scores. Source: arXiv:2403.20330 §4, and the data card of Lin-Chen/MMStar."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

from fasteval._library._parsing.letters import extract_letter


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    return [doc["image"].convert("RGB")]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    question: str = doc["question"].strip()
    return lmms_eval_specific_kwargs["pre_prompt"] + question + lmms_eval_specific_kwargs["post_prompt"]


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    right = float(extract_letter(results[0]) == doc["answer"].strip().upper())
    item = {"l2_category": doc["l2_category"], "score": right}
    return {doc["category"]: item, "average": item}


def mean_of_subcategories(items: list[dict[str, Any]]) -> float:
    """Returns the mean over the subcategories of their accuracies, each of which counts alike."""
    scores = defaultdict(list)
    for item in items:
        scores[item["l2_category"]].append(item["score"])
    means = [math.fsum(values) / len(values) for values in scores.values()]
    return math.fsum(means) / len(means) if means else math.nan
