"""BLINK's prompts and scores. Source: arXiv:2404.12390, and the data card of BLINK-Benchmark/BLINK."""

from __future__ import annotations

import re
import string
from typing import Any

_ALL = string.ascii_uppercase


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    names = [f"image_{number}" for number in range(1, 5)]
    return [doc[name].convert("RGB") for name in names if doc.get(name) is not None]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    letters = ", ".join(string.ascii_uppercase[: len(doc["choices"])])
    prompt: str = doc["prompt"]
    return lmms_eval_specific_kwargs["pre_prompt"].format(letters) + prompt + lmms_eval_specific_kwargs["post_prompt"]


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    letters = _ALL[: len(doc.get("choices") or [])] or _ALL
    return {"blink_acc": float(extract_letter(results[0], letters) == doc["answer"].strip("()"))}


def extract_letter(answer: str, letters: str) -> str:
    """Returns the chosen letter, one of `letters`; an empty text where there is none. The rules are lmms-eval 0.7.3's.

    A first line that is nothing but the letter, the last "answer is (B)", the last "(B)", a letter at the beginning.
    """
    text = answer.strip()
    line = text.partition("\n")[0].strip()
    found = re.findall(rf"^\(?([{letters}])\)?[.\s:,)]*$", line, re.I) if len(line) <= 4 else []
    found = found or re.findall(rf"answers?(?:\s+is)?\s*[:-]?\s*\(?([{letters}])\)?(?![A-Za-z])", text, re.I)
    found = found or re.findall(rf"\(([{letters}])\)", text)
    found = found or re.findall(rf"^[(\s]*([{letters}])", text, re.I)
    return found[-1].upper() if found else ""
