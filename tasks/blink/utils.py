"""BLINK's prompts and scores. Source: arXiv:2404.12390, and the data card of BLINK-Benchmark/BLINK."""

from __future__ import annotations

import re
import string
from typing import Any

_LETTER = re.compile(r"[(\s]*([A-Z])", re.IGNORECASE)


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    names = [f"image_{number}" for number in range(1, 5)]
    return [doc[name].convert("RGB") for name in names if doc.get(name) is not None]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    letters = ", ".join(string.ascii_uppercase[: len(doc["choices"])])
    prompt: str = doc["prompt"]
    return lmms_eval_specific_kwargs["pre_prompt"].format(letters) + prompt + lmms_eval_specific_kwargs["post_prompt"]


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    found = _LETTER.match(results[0].strip())
    return {"blink_acc": float(found is not None and found[1].upper() == doc["answer"].strip("()"))}
