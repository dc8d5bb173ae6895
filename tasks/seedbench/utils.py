"""SEED-Bench's prompts and scores. Source: arXiv:2307.16125, and the data card of lmms-lab/SEED-Bench."""

from __future__ import annotations

from typing import Any

_LETTERS = "ABCD"


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    return [image.convert("RGB") for image in doc["image"]]


def doc_to_text(doc: dict[str, Any]) -> str:
    options = [f"{letter}. {choice}" for letter, choice in zip(_LETTERS, doc_to_choice(doc), strict=True)]
    return "\n".join([doc["question"], *options, "Answer with the option's letter from the given choices directly."])


def doc_to_choice(doc: dict[str, Any]) -> list[str]:
    return [doc[f"choice_{letter.lower()}"] for letter in _LETTERS]


def doc_to_choice_index(doc: dict[str, Any]) -> int:
    return _LETTERS.index(doc["answer"])


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    right = float(results[0].strip()[:1].lower() == doc["answer"].strip().lower())
    return {f"seed_{doc['data_type']}": right, "seed_all": right}
