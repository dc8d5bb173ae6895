"""How the library's benchmarks without pictures read answers, and how MMLU's subjects come together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

import fasteval
from fasteval.api.request import EngineRequest, Response
from fasteval.models.replay import ReplayEngine
from tests.library import Benchmark, library_module, vectors
from tests.library_choices import SEEDBENCH_PPL
from tests.library_text import ARC, GSM8K, HELLASWAG, MMLU_SUBJECTS, WINOGRANDE, mmlu, truthfulqa

if TYPE_CHECKING:
    from pathlib import Path

    from fasteval.results.model import Results


@vectors(
    "gsm8k",
    source="lm-eval 0.4.13, tasks/gsm8k; the strict form is the data set's own (arXiv:2110.14168)",
)
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


@vectors("hellaswag", source="lm-eval 0.4.13, tasks/hellaswag/utils.py")
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


@vectors("truthfulqa_mc2", source="arXiv:2109.07958 §3.2: the normalised probability of the true answers")
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


@vectors("winogrande", source="arXiv:1806.02847 §3 (partial evaluation): the rest of the sentence after each option")
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


# The order of the documents' choices is that of `rows` in tests/library_text.py and tests/library_choices.py.
@vectors(
    *("arc_challenge", "hellaswag", "mmlu", "seedbench_ppl", "truthfulqa_mc1", "winogrande"),
    source="the most probable choice: multiple_choice in lm-eval 0.4.13, api/task.py; of equal ones the first",
)
@pytest.mark.parametrize(("logprobs", "chosen"), [((-5.0, -1.0, -3.0, -4.0), 1), ((-2.0, -2.0, -9.0, -9.0), 0)])
@pytest.mark.parametrize(
    "benchmark",
    [ARC, HELLASWAG, mmlu("virology"), SEEDBENCH_PPL, truthfulqa("truthfulqa_mc1"), WINOGRANDE],
    ids=lambda benchmark: benchmark.task,
)
def test_the_most_probable_choice_counts(
    tmp_path: Path, benchmark: Benchmark, logprobs: tuple[float, ...], chosen: int
) -> None:
    folder = benchmark.write(tmp_path)
    asked: list[EngineRequest] = []

    def answer(request: EngineRequest) -> Response:
        asked.append(request)
        return Response(logprob=logprobs[request.row], is_greedy=False)

    run = benchmark.evaluate(folder, ReplayEngine(answer), limit=1)
    asked.sort(key=lambda request: request.row)
    is_right = float(benchmark.rows[0].is_right(asked[chosen]))
    assert is_right == run.tasks[benchmark.task].metrics["acc,none"]


@vectors("arc_challenge", "hellaswag", source="acc_norm in lm-eval 0.4.13, api/task.py: log-probability by characters")
@pytest.mark.parametrize("benchmark", [ARC, HELLASWAG], ids=lambda benchmark: benchmark.task)
def test_the_normalised_accuracy_divides_by_the_characters_of_a_choice(tmp_path: Path, benchmark: Benchmark) -> None:
    folder = benchmark.write(tmp_path)

    def answer(request: EngineRequest) -> Response:
        # As probable as long, but for the right choice, which is a little more probable for its length.
        length = len((request.continuation or "").removeprefix(" "))
        return Response(logprob=-length * (0.9 if benchmark.rows[0].is_right(request) else 1.0), is_greedy=False)

    metrics = benchmark.evaluate(folder, ReplayEngine(answer), limit=1).tasks[benchmark.task].metrics
    assert 1.0 == metrics["acc_norm,none"]


def test_every_subject_of_mmlu_asks_with_its_own_name_and_is_scored_alike(tmp_path: Path) -> None:
    """What the suite of all benchmarks checks of two subjects, checked of all 57 together."""
    for subject in MMLU_SUBJECTS:
        mmlu(subject).write(tmp_path)

    def run(engine: ReplayEngine, **options: Any) -> Results:
        datasets = {"cais/mmlu": str(tmp_path)}
        return fasteval.evaluate(engine, "mmlu", datasets=datasets, no_cache=True, bootstrap_iters=0, **options)

    for is_right in (True, False):
        engine = mmlu("virology").engine(is_right=is_right)
        results = run(engine)
        assert {float(is_right)} == {task.metrics["acc,none"] for task in results.tasks.values()}
        assert float(is_right) == results.groups["mmlu"].metrics["acc,none"]
    asked = {request.prompt.text for request in engine.requests}
    assert {mmlu(subject).prompt for subject in MMLU_SUBJECTS} <= asked

    def answer(request: EngineRequest) -> Response:
        return Response(logprob=-float(len(request.prompt.text or "") % 4 != ord(request.continuation[-1]) % 4))  # type: ignore[index]  # choices

    expected = run(ReplayEngine(answer)).groups["mmlu"].metrics
    assert 0 < expected["acc,none"] < 1
    shuffled = run(ReplayEngine(answer, newest_first=True), shuffle_seed=3, window=2)
    assert expected == shuffled.groups["mmlu"].metrics


@vectors("mmlu", source="arXiv:2009.03300, by hand: all questions count alike")
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
