"""`ScoredDocument`: one document after scoring, under every filter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fasteval.results.sample import Sample

__all__ = ["ScoredDocument"]


@dataclass(slots=True)
class ScoredDocument:
    """One document after scoring.

    Attributes:
        doc_id: its number in its split.
        values: for each filter the metrics' values; empty if the document failed.
        samples: for each filter the line of the samples file.
        cluster: label of the cluster that its standard error belongs to (an image, a video), or None.
        error: why it has no values.
    """

    doc_id: int
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    cluster: Any = None
    error: str | None = None
