"""MMMU's prompts, pictures and scores. Source: arXiv:2311.16502 §4.1, and the data card of MMMU/MMMU."""

from __future__ import annotations

import ast
import re
import string
from typing import Any

from fasteval._library.mmmu.parsing import open_answer_is_right, parse_choice

_DISCIPLINES = {
    "art_and_design": "Art Art_Theory Design Music",
    "business": "Accounting Economics Finance Manage Marketing",
    "science": "Biology Chemistry Geography Math Physics",
    "health_and_medicine": (
        "Basic_Medical_Science Clinical_Medicine Diagnostics_and_Laboratory_Medicine Pharmacy Public_Health"
    ),
    "humanities_and_social_science": "History Literature Sociology Psychology",
    "tech_and_engineering": (
        "Agriculture Architecture_and_Engineering Computer_Science Electronics Energy_and_Power Materials "
        "Mechanical_Engineering"
    ),
}
_DISCIPLINE_OF = {subject: name for name, subjects in _DISCIPLINES.items() for subject in subjects.split()}
_PICTURE = re.compile(r"<image (\d+)>")


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    """Returns the question as text, in which `<image 1>` and so on stand for the pictures."""
    if doc["question_type"] == "multiple-choice":
        options = [f"{letter}. {option}" for letter, option in _options(doc).items()]
        instruction = lmms_eval_specific_kwargs["multiple_choice_prompt"]
        return "\n".join([doc["question"], *options, "", instruction])
    return f"{doc['question']}\n\n{lmms_eval_specific_kwargs['open_ended_prompt']}"


def doc_to_messages(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> list[dict[str, Any]]:
    # Splitting by a pattern with a group gives texts and pictures' numbers in turn.
    pieces = _PICTURE.split(doc_to_text(doc, lmms_eval_specific_kwargs))
    content: list[dict[str, Any]] = []
    for index, piece in enumerate(pieces):
        if index % 2:
            content.append({"type": "image", "url": doc[f"image_{piece}"].convert("RGB")})
        elif piece.strip():
            content.append({"type": "text", "text": piece.strip()})
    return [{"role": "user", "content": content}]


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    if doc["question_type"] == "multiple-choice":
        chosen = parse_choice(results[0], _options(doc), seed=f"mmmu_val {doc['id']}")
        right = float(chosen == doc["answer"])
    else:
        right = float(open_answer_is_right(results[0], _open_answers(doc)))
    # An id is split, subject and number: validation_Art_Theory_12.
    subject = doc["id"].split("_", 1)[1].rpartition("_")[0]
    if subject not in _DISCIPLINE_OF:
        raise ValueError(f"MMMU has no subject {subject!r} (document {doc['id']!r})")
    return {"mmmu_acc": right, f"mmmu_acc_{_DISCIPLINE_OF[subject]}": right}


def _options(doc: dict[str, Any]) -> dict[str, str]:
    """Returns the options by letter; the data set has them as the text of a Python list."""
    return dict(zip(string.ascii_uppercase, map(str, ast.literal_eval(doc["options"])), strict=False))


def _open_answers(doc: dict[str, Any]) -> list[str]:
    answer: str = doc["answer"]
    if answer.startswith("[") and answer.endswith("]"):
        try:
            return [str(entry) for entry in ast.literal_eval(answer)]
        except (SyntaxError, ValueError):
            return [answer]  # an interval, say, is no list
    return [answer]
