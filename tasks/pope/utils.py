"""POPE's prompts, parsing and scores. Source: arXiv:2305.10355 §4, and the evaluation program of its repository."""

from __future__ import annotations

from typing import Any


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    return [doc["image"].convert("RGB")]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    question: str = doc["question"].strip()
    return lmms_eval_specific_kwargs["pre_prompt"] + question + lmms_eval_specific_kwargs["post_prompt"]


def parse_answer(answer: str) -> str:
    """Returns "no" where the first sentence has the word "no", "No" or "not", and else "yes"."""
    sentence = answer.partition(".")[0].replace(",", "")
    return "no" if {"no", "No", "not"} & set(sentence.split()) else "yes"


def right_answer(doc: dict[str, Any]) -> str:
    """Returns "yes" or "no"."""
    target: str = doc["answer"].strip().lower()
    if target not in ("yes", "no"):
        raise ValueError(f"the answer {doc['answer']!r} is neither yes nor no")
    return target


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    target = right_answer(doc)
    answer = parse_answer(results[0])
    pair = (target, answer)
    return {
        "pope_accuracy": float(answer == target),
        "pope_precision": pair,
        "pope_recall": pair,
        "pope_f1_score": pair,
        "pope_yes_ratio": float(answer == "yes"),
    }


def precision(pairs: list[tuple[str, str]]) -> float:
    """Returns the share of "yes" answers that are right; 0 where there are none."""
    return _share_of_yes([target for target, answer in pairs if answer == "yes"])


def recall(pairs: list[tuple[str, str]]) -> float:
    """Returns the share of questions with the answer "yes" that are answered so; 0 where there are none."""
    return _share_of_yes([answer for target, answer in pairs if target == "yes"])


def f1_score(pairs: list[tuple[str, str]]) -> float:
    """Returns the harmonic mean of precision and recall; 0 where both are."""
    both = precision(pairs), recall(pairs)
    return 2 * both[0] * both[1] / sum(both) if sum(both) else 0.0


def _share_of_yes(values: list[str]) -> float:
    return values.count("yes") / len(values) if values else 0.0
