"""`Instance`: one request as the classic API shows it, a view on one row of a request table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Instance"]


@dataclass(slots=True)
class Instance:
    """One request to a model, under the names that code written for lmms-eval and lm-eval expects.

    Attributes:
        request_type: "generate_until", "loglikelihood", "loglikelihood_rolling" or "generate_until_multi_round".
        arguments: the argument tuple; its order depends on the request type (see `fasteval.api.model.LMM`).
        idx: the choice's number within its document (0 for requests that have no choices).
        metadata: at least `task`, `doc_id`, `repeats` and `split`.
        resps: the raw answers, one a repeat.
        filtered_resps: answers after filtering, by filter name.
        doc: the document, where a task's own class makes the request.
    """

    request_type: str
    arguments: tuple[Any, ...]
    idx: int
    metadata: dict[str, Any]
    resps: list[Any] = field(default_factory=list)
    filtered_resps: dict[str, Any] = field(default_factory=dict)
    doc: dict[str, Any] | None = None

    @property
    def args(self) -> tuple[Any, ...]:
        """The arguments, always as a tuple."""
        return self.arguments if isinstance(self.arguments, tuple) else (self.arguments,)

    @property
    def task_name(self) -> str:
        """Name of the task that the request belongs to."""
        return str(self.metadata["task"])

    @property
    def doc_id(self) -> int:
        """Index of the document in its split."""
        return int(self.metadata["doc_id"])

    @property
    def repeats(self) -> int:
        """How many answers the task asks for."""
        return int(self.metadata.get("repeats", 1))
