"""ChartQA's prompts and scores. Source: arXiv:2203.10244 §5.1."""

from __future__ import annotations

from typing import Any

_TOLERANCE = 0.05


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    return [doc["image"].convert("RGB")]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    question: str = doc["question"]
    return lmms_eval_specific_kwargs["pre_prompt"] + question + lmms_eval_specific_kwargs["post_prompt"]


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    right = float(is_right(results[0], doc["answer"]))
    split = "human" if doc["type"] == "human_test" else "augmented"
    return {"relaxed_overall": right, f"relaxed_{split}_split": right}


def is_right(answer: str, target: str) -> bool:
    """Whether a number is within 5 % of the right one, or a text equals it without regard to case.

    A right answer of zero has no 5 %: it is compared as text.
    """
    number, wanted = _number(answer), _number(target)
    if number is not None and wanted:
        return abs(number - wanted) / abs(wanted) <= _TOLERANCE
    return answer.lower() == target.lower()


def _number(text: str) -> float | None:
    """Returns what the text says as a number, a percentage as its hundredth; None where it says none."""
    is_percentage = text.endswith("%")
    try:
        number = float(text.rstrip("%") if is_percentage else text)
    except ValueError:
        return None
    return number / 100 if is_percentage else number
