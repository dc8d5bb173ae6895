"""The library's benchmarks that ask a judge: prompts, oracles, and how answers are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import fasteval
from fasteval.api.request import EngineRequest, Response
from fasteval.errors import UsageError
from fasteval.models.replay import ReplayEngine
from tests.library import (
    ASSISTANT,
    NUCLEUS,
    PICTURE,
    Benchmark,
    Row,
    check_prompt,
    greedy,
    library_module,
    picture,
    turn,
)

if TYPE_CHECKING:
    from pathlib import Path

    from fasteval.results.model import Results

TEXTS = ("pid", "question", "question_type", "answer_type", "unit", "answer", "query")
MATHVISTA = [
    ("How many?", "free_form", "integer", None, None, None, "3", "There are 3.", "There are 4."),
    ("What share?", "free_form", "float", 1.0, "cm", None, "0.5", "0.50", "It is 1.5"),
    ("Which years?", "free_form", "list", None, None, None, "[1, 2]", "Years [1, 2]", "Years [2, 3]"),
    ("Which colour?", "multi_choice", "text", None, None, ["red", "blue"], "blue", "Answer: (B)", "Answer: A"),
]
HINT = (
    "Hint: Please answer the question requiring an integer answer and provide the final value, "
    "e.g., 1, 2, 3, at the end."
)
MATHVISTA_PROMPTS = {
    "mathvista_testmini_cot": f"Question: How many?\n{HINT}",
    "mathvista_testmini_solution": f"Question: How many?\n{HINT}\nSolution:",
    "mathvista_testmini_format": "How many?\nAnswer the question using a single integer number.",
}


def mathvista(task: str) -> Benchmark:
    rows = [
        Row(
            {
                "pid": str(number),
                "question": question,
                "image": "images/1.jpg",
                "decoded_image": picture(number),
                "choices": choices,
                "unit": unit,
                "precision": precision,
                "answer": answer,
                "question_type": question_type,
                "answer_type": answer_type,
                "metadata": {"split": "testmini", "category": "math"},
                "query": f"Question: {question}",
            },
            right=right,
            wrong=wrong,
        )
        for number, (question, question_type, answer_type, precision, unit, choices, answer, right, wrong) in enumerate(
            MATHVISTA
        )
    ]
    features = dict.fromkeys((*TEXTS, "image"), "string") | {
        "decoded_image": "image",
        "choices": ["string"],
        "precision": "float64",
        "metadata": {"split": "string", "category": "string"},
    }
    return Benchmark(
        task=task,
        path="AI4Math/MathVista",
        split="testmini",
        features=features,
        rows=rows,
        prompt=turn(PICTURE, MATHVISTA_PROMPTS[task]),
        kwargs={"max_new_tokens": 16384, "until": ["\n\n"]},
        best={"llm_as_judge_eval": 100.0},
    )


LLAVA = Benchmark(
    task="llava_in_the_wild",
    path="lmms-lab-encoder/llava-bench-in-the-wild",
    split="train",
    features=dict.fromkeys(("question_id", "question", "caption", "gpt_answer", "category", "image_id"), "string")
    | {"image": "image"},
    rows=[
        Row(
            {
                "question_id": str(number),
                "question": f"What is it? {number}",
                "caption": "A dog.",
                "gpt_answer": "A dog.",
                "category": category,
                "image_id": "001.jpg",
                "image": picture(number),
            },
            right="A very good dog.",
            wrong="A cat.",
        )
        for number, category in enumerate(("conv", "detail", "complex", "conv"))
    ],
    prompt=turn(PICTURE, "What is it? 0"),
    kwargs=greedy(max_new_tokens=4096, image_aspect_ratio="original", **NUCLEUS) | ASSISTANT,
    best=dict.fromkeys(("gpt_eval_llava_all", *(f"gpt_eval_llava_{c}" for c in ("conv", "detail", "complex"))), 125.0),
    worst=dict.fromkeys(("gpt_eval_llava_all", *(f"gpt_eval_llava_{c}" for c in ("conv", "detail", "complex"))), 12.5),
)
BENCHMARKS = (*map(mathvista, MATHVISTA_PROMPTS), LLAVA)


def judge(request: EngineRequest) -> Response:
    """Reads answers out of what is said, as MathVista's prompt shows it; marks 10 for a good dog, and 1 for others."""
    prompt = request.prompt.plain_text()
    if prompt.endswith("Extracted answer: "):
        said = prompt.split("\n\n")[-2]
        text = said.removeprefix("There are ").removeprefix("It is ").removeprefix("Years ").removeprefix("Answer: ")
        return Response((text.removesuffix("."),), prompt_tokens=1, output_tokens=1)
    return Response(("8 10" if "[Assistant 2]\nA very good dog." in prompt else "8 1",))


@pytest.fixture(params=BENCHMARKS, ids=lambda one: one.task)
def benchmark(request: pytest.FixtureRequest) -> Benchmark:
    one: Benchmark = request.param
    return one


def evaluate(one: Benchmark, folder: Path, *, is_right: bool, **options: Any) -> Results:
    return one.evaluate(folder, one.engine(is_right=is_right), judge=ReplayEngine(judge), **options)


def test_the_first_prompt_and_its_options_are_the_benchmarks(benchmark: Benchmark, tmp_path: Path) -> None:
    check_prompt(benchmark, benchmark.write(tmp_path), judge=ReplayEngine(judge))


def test_an_oracle_scores_the_maximum_and_its_opposite_the_floor(benchmark: Benchmark, tmp_path: Path) -> None:
    folder = benchmark.write(tmp_path)
    for is_right, expected in ((True, benchmark.best), (False, benchmark.worst)):
        metrics = evaluate(benchmark, folder, is_right=is_right).tasks[benchmark.task].metrics
        assert {f"{name},none": expected.get(name, 0.0) for name in benchmark.best} == metrics


def test_the_order_of_requests_changes_no_number(benchmark: Benchmark, tmp_path: Path) -> None:
    folder = benchmark.write(tmp_path)
    plain, shuffled = (
        evaluate(benchmark, folder, is_right=True, **options).tasks[benchmark.task].metrics
        for options in ({}, {"shuffle_seed": 3})
    )
    assert plain == shuffled


def test_a_benchmark_with_a_judge_does_not_start_without_one(benchmark: Benchmark, tmp_path: Path) -> None:
    folder = benchmark.write(tmp_path)
    with pytest.raises(UsageError, match="is scored by a judge"):
        fasteval.evaluate(ReplayEngine(judge), benchmark.task, datasets={benchmark.path: str(folder)}, no_cache=True)


# MathVista's rules: `normalize_extracted_answer` of its `calculate_score.py`.


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
