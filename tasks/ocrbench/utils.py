"""OCRBench's prompts and scores. Source: arXiv:2305.07895, and github.com/Yuliang-Liu/MultimodalOCR."""

from __future__ import annotations

from typing import Any

_PARTS = {
    "Scene Text-centric VQA": "scene_text_vqa",
    "Doc-oriented VQA": "document_vqa",
    "Key Information Extraction": "key_information_extraction",
    "Handwritten Mathematical Expression Recognition": "handwritten_mathematics",
} | {
    f"{kind} Recognition": "text_recognition"
    for kind in ("Regular Text", "Irregular Text", "Artistic Text", "Handwriting", "Digit String", "Non-Semantic Text")
}

# Full-width forms of ASCII, and the ideographic space, which Chinese answers are written with.
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    return [doc["image"].convert("RGB")]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    question: str = doc["question"].strip()
    return lmms_eval_specific_kwargs["pre_prompt"] + question + lmms_eval_specific_kwargs["post_prompt"]


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    if doc["question_type"] not in _PARTS:
        raise ValueError(f"OCRBench has no question type {doc['question_type']!r}")
    targets = doc["answer"] if isinstance(doc["answer"], list) else [doc["answer"]]
    # In formulas case counts and spaces do not; in everything else the reverse.
    simplify = _without_spaces if doc["dataset"] == "HME100k" else _folded
    answer = simplify(results[0])
    right = float(any(simplify(target) in answer for target in targets))
    return {"ocrbench_accuracy": right, f"ocrbench_{_PARTS[doc['question_type']]}": right}


def _folded(text: str) -> str:
    return text.translate(_NARROW).lower().strip().replace("\n", " ")


def _without_spaces(text: str) -> str:
    return text.strip().replace("\n", " ").replace(" ", "")
