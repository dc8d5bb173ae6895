"""ScienceQA's prompts and scores. Source: arXiv:2209.09513; answers are read as LLaVA's evaluation of it does."""

from __future__ import annotations

import string
from typing import Any


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    return [] if doc["image"] is None else [doc["image"].convert("RGB")]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    context = [f"Context: {doc['hint']}"] if doc["hint"] else []
    options = [f"{string.ascii_uppercase[index]}. {choice}" for index, choice in enumerate(doc["choices"])]
    lines = "\n".join([*context, doc["question"], *options])
    return lmms_eval_specific_kwargs["pre_prompt"] + lines + lmms_eval_specific_kwargs["post_prompt"]


def doc_to_target(doc: dict[str, Any]) -> str:
    return string.ascii_uppercase[doc["answer"]]


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    """The answer is the letter alone, in either case, or begins with a capital letter and a full stop."""
    answer = results[0].strip()
    if answer[:1].isupper() and answer[1:2] == ".":
        answer = answer[0]
    return {"exact_match": float(answer.lower() == doc_to_target(doc).lower())}
