"""WinoGrande's sentences, cut at the gap. Source: arXiv:1907.10641."""

from __future__ import annotations

from typing import Any


def doc_to_choice_index(doc: dict[str, Any]) -> int:
    return ("1", "2").index(doc["answer"])


def doc_to_choice(doc: dict[str, Any]) -> list[str]:
    """Returns the sentence up to the gap, once with each option in it."""
    beginning = doc["sentence"].partition("_")[0]
    return [beginning + doc[name] for name in ("option1", "option2")]


def doc_to_rest(doc: dict[str, Any]) -> str:
    rest: str = doc["sentence"].partition("_")[2]
    return rest.strip()
