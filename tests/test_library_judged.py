"""The library's benchmarks that ask a judge: prompts, oracles, and how answers are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import fasteval
from fasteval.errors import UsageError
from fasteval.models.replay import ReplayEngine
from tests.library import Benchmark, library_module, vectors
from tests.library_judged import BENCHMARKS, judge

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda one: one.task)
def test_a_benchmark_with_a_judge_does_not_start_without_one(benchmark: Benchmark, tmp_path: Path) -> None:
    folder = benchmark.write(tmp_path)
    with pytest.raises(UsageError, match="is scored by a judge"):
        fasteval.evaluate(ReplayEngine(judge), benchmark.task, datasets={benchmark.path: str(folder)}, no_cache=True)


@vectors("mathvista_testmini", source="normalize_extracted_answer in MathVista's evaluation/calculate_score.py")
@pytest.mark.parametrize(
    ("expected", "answer", "doc"),
    [
        ("blue", "B", {"question_type": "multi_choice", "choices": ["red", "blue"]}),
        ("blue", "(b) red", {"question_type": "multi_choice", "choices": ["red", "blue"]}),
        ("blue", "blu", {"question_type": "multi_choice", "choices": ["red", "blue"]}),
        ("3", "3.9", {"question_type": "free_form", "answer_type": "integer"}),
        (None, "three", {"question_type": "free_form", "answer_type": "integer"}),
        ("0.33", "0.3333", {"question_type": "free_form", "answer_type": "float", "precision": 2.0}),
        ("[1, 2]", "[1, 2]", {"question_type": "free_form", "answer_type": "list"}),
    ],
)
def test_an_extracted_answer_is_put_in_the_form_of_the_right_ones(
    expected: str | None, answer: str, doc: dict[str, Any]
) -> None:
    assert expected == library_module("mathvista.utils").normalised(answer, doc)


@vectors("llava_in_the_wild", source="arXiv:2304.08485 §5.1; LLaVA's summarize_gpt_review.py")
@pytest.mark.parametrize(
    ("expected", "marks"),
    [(100.0, [(8, 8)]), (50.0, [(8, 4)]), (75.0, [(8, 8), (8, 4)]), (80.0, [(2, 4), (8, 4)]), (0.0, [(10, 0)])],
)
def test_llavas_score_is_the_models_share_of_the_references_marks(
    expected: float, marks: list[tuple[float, float]]
) -> None:
    assert expected == library_module("llava_in_the_wild.utils").share(marks)
