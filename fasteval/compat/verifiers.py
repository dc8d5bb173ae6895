"""`lmms_eval.verifiers`: an answer is cleaned by extractors, then held against the right one by a verifier."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fasteval.compat.extractors import Extractor

__all__ = ["VerificationPipeline", "Verifier", "VerifyResult"]


@dataclass
class VerifyResult:
    """What a verifier found.

    Attributes:
        score: from 0 to 1.
        is_correct: whether the answer counts as right.
        raw_output: the judge's own words.
        metadata: anything else.
    """

    score: float
    is_correct: bool
    raw_output: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


class Verifier(ABC):
    """Base of verifiers; calling one verifies."""

    @abstractmethod
    def verify(self, question: str, prediction: str, ground_truth: str, **kwargs: Any) -> VerifyResult:
        """Returns whether `prediction` is the answer `ground_truth` to `question`."""

    def __call__(self, question: str, prediction: str, ground_truth: str, **kwargs: Any) -> VerifyResult:
        """Returns `verify`."""
        return self.verify(question, prediction, ground_truth, **kwargs)


class VerificationPipeline:
    """Extractors in order, and then one verifier."""

    def __init__(self, extractors: Sequence[Extractor] | None = None, verifier: Verifier | None = None) -> None:
        """Sets both.

        Raises:
            ValueError: there is no verifier.
        """
        if verifier is None:
            raise ValueError("VerificationPipeline needs a verifier")
        self.extractors, self.verifier = list(extractors or ()), verifier

    def __call__(self, question: str, prediction: str, ground_truth: str, **kwargs: Any) -> VerifyResult:
        """Returns the verifier's result for the extracted answer; both forms of the answer are in its metadata."""
        extracted = prediction
        for extractor in self.extractors:
            extracted = extractor(extracted, **kwargs)
        result = self.verifier.verify(question, extracted, ground_truth, **kwargs)
        result.metadata |= {"raw_prediction": prediction, "extracted_prediction": extracted}
        return result

    verify = __call__
