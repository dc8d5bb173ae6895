"""`lmms_eval.verifiers.openai`: the verifier that asks a judge, which is the run's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fasteval.compat.judge import JudgeServer, Request, ServerConfig
from fasteval.compat.verifiers import Verifier, VerifyResult
from fasteval.errors import JudgeError, UsageError
from fasteval.judging.session import fail_document

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OpenAIVerifier"]

#: What a binary judge says for wrong and for right; the first that is found counts.
_WORDS = (
    (False, r"\bIN-?CORRECT\b|\bNOT[_ ]ATTEMPTED\b|\bNOT CORRECT\b"),
    (True, r"\bCORRECT\b"),
    (True, r"\bYES\b|\bTRUE\b|\b1\b"),
    (False, r"\bNO\b|\bFALSE\b|\b0\b"),
)


class OpenAIVerifier(Verifier):
    """Holds an answer against the right one by asking the run's judge."""

    def __init__(
        self,
        model: str = "gpt-4o-2024-11-20",
        api_type: str | None = None,  # noqa: ARG002 - their signature: the run says where its judge is
        judge_type: str = "binary",
        custom_prompt: str | Callable[..., str] | None = None,
        response_format: str = "binary",
        response_parser: Callable[[str], VerifyResult] | None = None,
        score_range: tuple[float, float] = (0.0, 10.0),
        max_retries: int = 5,  # noqa: ARG002 - and how insistently it is asked
        retry_delay: float = 2.0,  # noqa: ARG002
        temperature: float = 0.0,
        max_tokens: int = 1024,
    ) -> None:
        """Keeps how the judge is asked; the parameters are lmms-eval's.

        Raises:
            UsageError: a kind of judge or of answer that does not exist.
        """
        if judge_type not in ("binary", "comparative") or response_format not in ("binary", "score"):
            raise UsageError(f"OpenAIVerifier knows no judge_type={judge_type} with response_format={response_format}")
        self.judge_type, self.custom_prompt, self.response_format = judge_type, custom_prompt, response_format
        self.response_parser, self.score_range = response_parser, score_range
        self._server = JudgeServer(ServerConfig(model, temperature=temperature, max_tokens=max_tokens))

    def verify(self, question: str, prediction: str, ground_truth: str, **kwargs: Any) -> VerifyResult:
        """Returns the judge's verdict.

        Raises:
            JudgeError: there is none.
        """
        if self.custom_prompt is not None:
            if callable(self.custom_prompt):
                prompt = self.custom_prompt(question, prediction, ground_truth, **kwargs)
            else:
                known = {"question": question, "prediction": prediction, "ground_truth": ground_truth}
                prompt = self.custom_prompt.format(**known, **kwargs)
            messages = [{"role": "user", "content": prompt}]
            return self._read(self._server.evaluate(Request(messages, images=kwargs.get("images"))).content)
        if self.judge_type == "comparative":
            reference = kwargs.get("reference_response", ground_truth)
            result = self._server.evaluate_comparative(question, prediction, reference, images=kwargs.get("images"))
            first, second = result["scores"]
            metadata = {"score_1": first, "score_2": second, "model": result["model"]}
            return VerifyResult(self._share(first), first > second, result["raw_response"], metadata)
        result = self._server.evaluate_binary(question, ground_truth, prediction, kwargs.get("output_format", "0/1"))
        is_right = bool(result["result"])
        return VerifyResult(float(is_right), is_right, result["raw_response"], {"model": result["model"]})

    def _read(self, text: str) -> VerifyResult:
        if self.response_parser is not None:
            return self.response_parser(text)
        if self.response_format == "score":
            number = re.search(r"-?\d+(?:\.\d+)?", text)
            if number is None:
                raise _unread(text)
            share = self._share(float(number[0]))
            return VerifyResult(share, share >= 0.5, text)
        for is_right, words in _WORDS:
            if re.search(words, text.upper()):
                return VerifyResult(float(is_right), is_right, text)
        raise _unread(text)

    def _share(self, score: float) -> float:
        """Returns a score as a share of its range."""
        low, high = self.score_range
        return max(0.0, min(1.0, (score - low) / (high - low))) if high > low else float(score >= high)


def _unread(text: str) -> JudgeError:
    error = JudgeError(f"the judge's answer has no verdict: {text[:120]!r}")
    fail_document(str(error))
    return error
