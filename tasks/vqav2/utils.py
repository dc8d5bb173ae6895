"""VQA v2's prompts and scores. Source: arXiv:1612.00837, and the evaluation at visualqa.org."""

from __future__ import annotations

from typing import Any

from fasteval._library._parsing.vqa import normalise, vqa_accuracy


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    return [doc["image"].convert("RGB")]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    question: str = doc["question"]
    return lmms_eval_specific_kwargs["pre_prompt"] + question + lmms_eval_specific_kwargs["post_prompt"]


def doc_to_target(doc: dict[str, Any]) -> list[str]:
    return [entry["answer"] for entry in doc["answers"]]


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    targets = [normalise(_line(target)) for target in doc_to_target(doc)]
    return {"exact_match": vqa_accuracy(normalise(_line(results[0])), targets)}


def _line(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()
