"""Scores as lmms-eval 0.7.3 makes them where it is wrong: what `faults.yaml` names, and nothing else uses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from fasteval._library.mmbench.utils import chosen_option
from fasteval._library.mmmu.parsing import open_answer_is_right
from fasteval._library.mmmu.utils import process_results as mmmu_by_the_rules
from fasteval._library.pope.utils import right_answer
from fasteval.api.request import Score
from fasteval.filters.base import Filter

if TYPE_CHECKING:
    from collections.abc import Sequence


def pope(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    target, answer = right_answer(doc), results[0].strip().lower()
    # A question without an answer to the letter is no positive and no negative.
    pair = (target, answer) if answer in ("yes", "no") else ("", answer)
    return {
        "pope_accuracy": float(answer == target),
        "pope_precision": pair,
        "pope_recall": pair,
        "pope_f1_score": pair,
        "pope_yes_ratio": float(target == "yes"),
    }


def mmmu(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    if doc["question_type"] == "multiple-choice":
        return {"mmmu_acc": mmmu_by_the_rules(doc, results)["mmmu_acc"]}
    return {"mmmu_acc": float(open_answer_is_right(results[0], [doc["answer"]]))}


def rounded_mean(values: list[float]) -> float:
    return round(math.fsum(values) / len(values), 5) if values else math.nan


def out_of_1000(values: list[float]) -> float:
    return math.fsum(values) / 1000


def mmbench(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    options = {letter: str(doc.get(letter, "nan")) for letter in "ABCD" if doc.get(letter, "nan") is not None}
    return {
        "gpt_eval_score": {"index": doc["index"], "score": float(chosen_option(results[0], options) == doc["answer"])}
    }


class Loss(Filter):
    """Turns log-probabilities round, so that the least one is the highest."""

    per_document: ClassVar[bool] = True

    def apply(self, resps: Sequence[Any], docs: Sequence[dict[str, Any]]) -> list[Score]:
        return [Score(-score[0], score[1], getattr(score, "tokens", 0)) for score in resps]
