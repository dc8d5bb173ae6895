"""AI2D's prompts. Source: arXiv:1603.07396, and the data card of lmms-lab/ai2d."""

from __future__ import annotations

import string
from typing import Any


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    return [doc["image"].convert("RGB")]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    options = [f"{string.ascii_uppercase[index]}. {option}" for index, option in enumerate(doc["options"])]
    lines = "\n".join([doc["question"], *options])
    return lmms_eval_specific_kwargs["pre_prompt"] + lines + lmms_eval_specific_kwargs["post_prompt"]


def doc_to_target(doc: dict[str, Any]) -> str:
    return string.ascii_uppercase[int(doc["answer"])]
