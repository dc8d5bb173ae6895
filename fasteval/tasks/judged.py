"""`JudgeRule`: the field `judge` of a task file. A judge's verdict on each answer becomes the metric `judge`."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.errors import FastEvalError, JudgeError, nearest
from fasteval.judging import ask_judge
from fasteval.judging.verdicts import (
    binary_prompt,
    comparative_prompt,
    read_binary,
    read_comparative,
    read_rubric,
    rubric_prompt,
)
from fasteval.models.sampling import SamplingParameters
from fasteval.tasks.checks import FieldProblem
from fasteval.tasks.codefiles import with_imported
from fasteval.tasks.templates import check_template, render_template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fasteval.tasks.config import TaskConfig

__all__ = ["JudgeRule", "asks_judge", "is_judged", "needs_judge", "read_judge"]

_KINDS = ("binary", "comparative", "rubric")
#: Words in task code that ask a judge through the names that fasteval supplies.
_ASK = b"ask_judge"
_ASKING = (_ASK, b"llm_judge", b"OpenAIVerifier", b"make_reasoning_process_results", b"compute_score")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRule:
    """How a judge is asked about an answer.

    Attributes:
        kind: "binary" (is the answer right: 1 or 0), "comparative" (is it better than the right answer: 1, 0.5 or 0,
            the mean of both orders), or "rubric" (the mean of the marks, and each as `judge_<item>`).
        prompt: template in place of the kind's own; it may name columns, `question`, `target` and `prediction`, and a
            comparative one `first` and `second`.
        rubric: what each mark is given for.
        words: what a binary judge says for right and wrong.
        score_range: least and greatest score of a comparative judge.
        generation_kwargs: how the judge's answer is generated.
    """

    kind: str
    prompt: str | None = None
    rubric: dict[str, str] = field(default_factory=dict)
    words: Sequence[str] = ("1", "0")
    score_range: Sequence[float] = (1, 10)
    generation_kwargs: dict[str, Any] = field(default_factory=lambda: {"temperature": 0, "max_new_tokens": 1024})

    def __post_init__(self) -> None:
        """Refuses what no judge could be asked with.

        Raises:
            FieldProblem: says what.
        """
        if self.kind not in _KINDS:
            close = nearest(str(self.kind), _KINDS)
            hint = f"did you mean '{close}'?" if close else f"there are {', '.join(_KINDS)}"
            raise FieldProblem(f"the kind '{self.kind}' is not supported: {hint}")
        if (self.kind == "rubric") != bool(self.rubric):
            raise FieldProblem("the kind 'rubric', and no other, needs a mapping 'rubric' of items")
        problem = None if self.prompt is None else check_template(self.prompt)
        if problem:
            raise FieldProblem(f"prompt: {problem}")
        try:
            SamplingParameters.from_generation_kwargs(self.generation_kwargs)
        except FastEvalError as error:
            raise FieldProblem(f"generation_kwargs: {error}") from error

    def values(self, doc: Mapping[str, Any], question: str, target: str, prediction: str) -> dict[str, float]:
        """Returns the metrics of one answer.

        Raises:
            JudgeError: the judge gave no answer, or none that can be read.
        """
        known = {**doc, "question": question, "target": target, "prediction": prediction}
        if self.kind == "binary":
            text = self._ask(known, binary_prompt(question, target, prediction, self.words))
            return {"judge": float(read_binary(text, self.words))}
        if self.kind == "comparative":
            wins = [self._wins(known, prediction, target), 1 - self._wins(known, target, prediction)]
            return {"judge": sum(wins) / 2}
        marks = read_rubric(self._ask(known, rubric_prompt(question, prediction, self.rubric)))
        try:
            values = {f"judge_{item}": float(marks[item]) for item in self.rubric}
        except (KeyError, TypeError, ValueError) as error:
            raise JudgeError(f"the judge's marks are not one number for each item: {marks!r}") from error
        return {"judge": sum(values.values()) / len(values), **values}

    def _wins(self, known: Mapping[str, Any], first: str, second: str) -> float:
        prompt = comparative_prompt(str(known["question"]), first, second, score_range=self.score_range)
        mine, other = read_comparative(self._ask({**known, "first": first, "second": second}, prompt))
        return float(mine > other) + 0.5 * (mine == other)

    def _ask(self, known: Mapping[str, Any], prompt: str) -> str:
        text = prompt if self.prompt is None else render_template(self.prompt, known)
        return ask_judge([{"role": "user", "content": text}], self.generation_kwargs).text


def read_judge(value: Any) -> dict[str, Any] | None:
    """Returns the field `judge` as a mapping; a text is a kind.

    Raises:
        FieldProblem: it is no rule.
    """
    if value is None:
        return None
    given = {"kind": value} if isinstance(value, str) else value
    if not isinstance(given, dict):
        raise FieldProblem(f"expected a kind or a mapping with a 'kind', got {value!r}")
    known = [entry.name for entry in fields(JudgeRule)]
    for name in given:
        if name not in known:
            close = nearest(str(name), known)
            raise FieldProblem(f"unknown key '{name}'" + (f": did you mean '{close}'?" if close else ""))
    if "kind" not in given:
        raise FieldProblem(f"name the kind: {', '.join(_KINDS)}")
    for name in ("words", "score_range"):
        if name in given and (not isinstance(given[name], list | tuple) or len(given[name]) != 2):
            raise FieldProblem(f"{name}: expected a list of two, got {given[name]!r}")
    if not all(isinstance(word, str) for word in given.get("words", ())):
        raise FieldProblem(f"words: expected texts, got {given['words']!r}: in YAML yes and no need quotes")
    JudgeRule(**given)
    return given


def is_judged(config: TaskConfig, metric: Any) -> bool:
    """Whether the judge of a task gives a metric's value."""
    return config.judge is not None and isinstance(metric, str) and (metric == "judge" or metric.startswith("judge_"))


def asks_judge(config: TaskConfig, words: tuple[bytes, ...] = _ASKING) -> bool:
    """Whether scoring may ask a judge: by the field `judge`, or in code by the names that fasteval has for it."""
    if config.judge is not None:
        return True
    for function in config.functions().get("process_results", []):
        if str(getattr(function.target, "__module__", "")).startswith("fasteval.compat."):
            return True
        try:
            files = with_imported([Path(inspect.getfile(function.target))])
        except (TypeError, OSError):
            continue
        if any(word in file.read_bytes() for file in files for word in words):
            return True
    return False


def needs_judge(config: TaskConfig) -> bool:
    """Whether the task cannot be scored without a judge: it has the field `judge`, or its code calls `ask_judge`."""
    return asks_judge(config, (_ASK,))
