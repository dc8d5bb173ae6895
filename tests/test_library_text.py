"""How the library's benchmarks without pictures read answers, and how MMLU's subjects come together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

import fasteval
from fasteval.api.request import EngineRequest, Response
from fasteval.models.replay import ReplayEngine
from tests.library import library_module
from tests.library_text import GSM8K, MMLU_SUBJECTS, mmlu

if TYPE_CHECKING:
    from pathlib import Path


# lm-eval's tasks/gsm8k/gsm8k.yaml; the strict form is the data set's own (arXiv:2110.14168 §2).
@pytest.mark.parametrize(
    ("strict", "flexible", "answer"),
    [
        (1.0, 1.0, "#### 18"),
        (1.0, 1.0, "#### 18. "),
        (0.0, 1.0, "The answer is 18."),
        (0.0, 1.0, "16 and 2, so $18"),
        (1.0, 0.0, "#### 18\nThat is 9 a day"),  # the first one of the form, the last number
        (0.0, 0.0, "eighteen"),
        (0.0, 0.0, "#### 18.0"),
    ],
)
def test_gsm8k_reads_a_marked_or_the_last_number(tmp_path: Path, strict: float, flexible: float, answer: str) -> None:
    folder = GSM8K.write(tmp_path)
    engine = ReplayEngine(lambda request: Response(texts=(answer,), finish_reason="stop"))
    metrics = GSM8K.evaluate(folder, engine, limit=1).tasks["gsm8k"].metrics
    assert {"exact_match,strict-match": strict, "exact_match,flexible-extract": flexible} == metrics


# lm-eval's tasks/hellaswag/utils.py.
@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("How to bake. Mix it.", "How to bake [title] Mix it."),
        ("Stir it.", "[header]Stir it."),
        ("Stir it.", " Stir [step] it. "),
    ],
)
def test_hellaswag_leaves_out_the_marks_in_brackets(expected: str, text: str) -> None:
    assert expected == library_module("hellaswag.utils").clean(text)


# arXiv:2109.07958 §3.2: the normalised probability of the true answers.
@pytest.mark.parametrize(
    ("expected", "probabilities"), [(0.75, (0.3, 0.3, 0.2)), (1.0, (1.0, 0.5, 0.0)), (0.0, (0.0, 0.0, 1.0))]
)
def test_truthfulqa_adds_up_the_true_answers(expected: float, probabilities: tuple[float, ...]) -> None:
    doc = {"mc2_targets": {"labels": [1, 1, 0]}}
    results = [(math.log(probability) if probability else -math.inf, False) for probability in probabilities]
    assert expected == pytest.approx(library_module("truthfulqa.utils").process_results(doc, results)["acc"])


def test_truthfulqa_stands_very_improbable_answers() -> None:
    doc = {"mc2_targets": {"labels": [1, 0]}}
    results = [(-5000.0, False), (-5000.0, False)]
    assert {"acc": 0.5} == library_module("truthfulqa.utils").process_results(doc, results)


def test_winogrande_is_cut_at_the_gap() -> None:
    utils = library_module("winogrande.utils")
    doc = {"sentence": "She saw _ first.", "option1": "him", "option2": "her", "answer": "2"}
    assert (1, ["She saw him", "She saw her"], "first.") == (
        utils.doc_to_choice_index(doc),
        utils.doc_to_choice(doc),
        utils.doc_to_rest(doc),
    )


def test_mmlu_shows_the_first_examples_of_the_development_set(tmp_path: Path) -> None:
    benchmark = mmlu("world_religions")
    engine = benchmark.engine(is_right=True)
    benchmark.evaluate(benchmark.write(tmp_path), engine, limit=1, num_fewshot=2)
    options = "A. none\nB. one\nC. two\nD. three\nAnswer:"
    assert (
        "The following are multiple choice questions (with answers) about world religions.\n\n"
        f"How many before 0?\n{options} D\n\nHow many before 1?\n{options} C\n\nHow many in 0?\n{options}"
    ) == engine.requests[0].prompt.text


def test_mmlu_is_the_mean_over_the_questions_of_57_subjects(tmp_path: Path) -> None:
    for subject in MMLU_SUBJECTS:
        mmlu(subject).write(tmp_path)

    def answer(request: EngineRequest) -> Response:
        # The first question of each subject is answered rightly, and the second one only in anatomy.
        prompt = request.prompt.plain_text()
        wanted = "B" if "about anatomy" in prompt and "How many in 1" in prompt else "A"
        return Response(logprob=float(request.continuation == f" {wanted}") - 1, is_greedy=False)

    run = fasteval.evaluate(
        ReplayEngine(answer), "mmlu", datasets={"cais/mmlu": str(tmp_path)}, no_cache=True, bootstrap_iters=0
    )
    assert 57 == len(MMLU_SUBJECTS) == len(run.tasks)
    assert run.is_complete
    assert pytest.approx(58 / 114) == run.groups["mmlu"].metrics["acc,none"]
    sizes = {name: len(group.members) for name, group in run.groups.items()}
    assert {"mmlu": 4, "mmlu_stem": 19, "mmlu_other": 13, "mmlu_social_sciences": 12, "mmlu_humanities": 13} == sizes
    stem = run.groups["mmlu_stem"].metrics["acc,none"]
    assert pytest.approx(20 / 38) == stem  # anatomy is one of its subjects
