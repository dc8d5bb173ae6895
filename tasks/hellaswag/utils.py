"""HellaSwag's prompts. Source: arXiv:1905.07830; the texts are cleaned as in lm-eval, so that numbers compare."""

from __future__ import annotations

import re
from typing import Any

_BRACKETS = re.compile(r"\[.*?\]")


def doc_to_text(doc: dict[str, Any]) -> str:
    return clean(f"{doc['activity_label']}: {doc['ctx_a']} {doc['ctx_b'].capitalize()}")


def doc_to_choice(doc: dict[str, Any]) -> list[str]:
    return [clean(ending) for ending in doc["endings"]]


def clean(text: str) -> str:
    """Returns the text without the marks in brackets that WikiHow's articles left; a title's mark ends a sentence."""
    return _BRACKETS.sub("", text.strip().replace(" [title]", ". ")).replace("  ", " ")
