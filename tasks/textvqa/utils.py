"""TextVQA's prompts and scores. Source: arXiv:1904.08920 §5, and the challenge's evaluation in facebookresearch/mmf."""

from __future__ import annotations

from typing import Any

from fasteval._library._parsing.vqa import normalise, vqa_accuracy


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    return [doc["image"].convert("RGB")]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, Any]) -> str:
    question = doc["question"].capitalize()
    if lmms_eval_specific_kwargs.get("ocr"):
        question += f"\nReference OCR token: {', '.join(doc['ocr_tokens'])}"
    text: str = lmms_eval_specific_kwargs["pre_prompt"] + question + lmms_eval_specific_kwargs["post_prompt"]
    return text


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    targets = [normalise(_words(target)) for target in doc["answers"]]
    return {"exact_match": vqa_accuracy(normalise(_words(results[0])), targets)}


def _words(text: str) -> str:
    """Returns the text in lower case, with "'s" as a word of its own and without commas and question marks."""
    text = text.lower().replace(",", "").replace("?", "").replace("'s", " 's")
    return text.strip().replace("\n", " ").replace("\t", " ").strip()
