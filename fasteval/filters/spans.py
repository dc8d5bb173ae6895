"""The filter `format_span`: named entities in a reply, in one form."""

from __future__ import annotations

import re
from typing import Any

from fasteval.api.registry import register_filter
from fasteval.filters.text import TextFilter

__all__ = ["FormatSpan"]

#: Words that models use for the labels of MasakhaNER, in the order in which they are replaced.
_LABELS = {
    "person": "PER",
    "location": "LOC",
    "organization": "ORG",
    "counties": "LOC",
    "places": "LOC",
    "people": "PER",
    "persons": "PER",
    "company": "ORG",
    "country": "LOC",
    "continent": "LOC",
    "time": "DATE",
    "date": "DATE",
    "per": "PER",
    "loc": "LOC",
    "org": "ORG",
}
_LABEL = re.compile(rf"\b({'|'.join(sorted(_LABELS, key=len, reverse=True))})\s*:")
_SPAN = re.compile(r"\b(PER|LOC|ORG|DATE):\s*([^$]+)")


@register_filter("format_span")
class FormatSpan(TextFilter):
    """Puts the named entities of each answer in lm-eval's form, "per: ada $ loc: kenya", without entities "none"."""

    def transform(self, text: str, doc: dict[str, Any]) -> str:  # noqa: ARG002 - the base class's signature
        """Returns the entities, each with its label; an empty text if there are none."""
        labelled = _LABEL.sub(lambda match: f"{_LABELS[match[1]]}:", text.lower())
        labelled = labelled.replace("$$", "$").rstrip("$").replace("\n", "$").strip()
        entities = [
            f"{label.lower()}: {entity.strip()}"
            for label, values in _SPAN.findall(labelled)
            for entity in values.split(",")
            if entity.strip() != "none"
        ]
        return " $ ".join(entities)
