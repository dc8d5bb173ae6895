"""RealWorldQA's prompts and scores. Source: the data card of xai-org/RealWorldQA."""

from __future__ import annotations

from typing import Any

from fasteval._library._parsing.letters import extract_letter

# How questions with options end; a prompt of its own takes its place.
_INSTRUCTION = "Please answer directly with only the letter of the correct option and nothing else."


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    return [doc["image"].convert("RGB")]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    question: str = doc["question"].strip()
    after = lmms_eval_specific_kwargs["post_prompt"]
    if after:
        question = question.replace(_INSTRUCTION, "")
    return lmms_eval_specific_kwargs["pre_prompt"] + question + after


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    """A letter is looked for where the right answer is one; a word or number must be the whole answer."""
    target = doc["answer"].strip()
    if target.upper() in ("A", "B", "C", "D"):
        return {"exact_match": float(extract_letter(results[0]) == target.upper())}
    return {"exact_match": float(results[0].strip().lower().rstrip(".") == target.lower())}
