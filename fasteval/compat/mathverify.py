"""`_task_utils.math_verify_utils`: whether two answers are the same mathematics, by the package `math_verify`."""

from __future__ import annotations

from typing import Any

from fasteval.compat.missing import import_or_refuse

__all__ = ["MathVerifyFn"]


class MathVerifyFn:
    r"""Compares the last `\boxed{…}` of a reply with the right answer."""

    def __init__(
        self,
        correct_score: float = 1.0,
        incorrect_score: float = 0.0,
        timeout_seconds: int | None = 10,
        strict: bool = True,
        silent: bool = True,  # noqa: ARG002 - their signature; nothing is logged
    ) -> None:
        """Sets the two scores and how strictly is compared. Nothing is imported until the first comparison."""
        self.correct_score, self.incorrect_score = correct_score, incorrect_score
        self.timeout_seconds, self.strict = timeout_seconds, strict

    def __call__(self, solution_str: str, ground_truth: str) -> tuple[float, str]:
        """Returns the score and the answer that was read from the reply.

        Raises:
            UnsupportedError: `math_verify` is not installed.
        """
        package = import_or_refuse("math_verify", "MathVerifyFn")
        normalization = import_or_refuse("latex2sympy2_extended.latex2sympy2", "MathVerifyFn").NormalizationConfig(
            basic_latex=True, units=True, malformed_operators=True, nits=True, boxed="last", equations=False
        )
        extraction = [package.LatexExtractionConfig(boxed_match_priority=0, normalization_config=normalization)]

        def parse(text: str) -> list[Any]:
            # Its time limit is a signal, which only a main thread may set; tasks are scored in others too.
            found: list[Any] = package.parse(
                text, extraction_config=extraction, extraction_mode="first_match", parsing_timeout=None
            )
            return found

        try:
            truth, answer = parse(_boxed(ground_truth)), parse(solution_str)
            is_right = bool(answer) and package.verify(truth, answer, strict=self.strict, timeout_seconds=None)
        except Exception:  # noqa: BLE001 - whatever the parser makes of a model's text, it is no right answer
            return self.incorrect_score, ""
        text = next((part for part in answer if isinstance(part, str)), str(answer[0]) if answer else "")
        return (self.correct_score if is_right else self.incorrect_score), text


def _boxed(answer: str) -> str:
    """Returns the answer in the form in which the parser finds it."""
    if len(answer) > 1 and answer.startswith("$") and answer.endswith("$"):
        return f"\\boxed{{{answer.strip('$')}}}"
    return answer if not answer or "\\boxed" in answer else f"\\boxed{{{answer}}}"
