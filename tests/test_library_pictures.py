"""The library's benchmarks with pictures: prompts, oracles and sums, on small data sets with the real schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.library import PICTURE, Benchmark, Row, check_order, check_prompt, check_score, picture, turn

if TYPE_CHECKING:
    from pathlib import Path

WORD = "\nAnswer the question using a single word or phrase."
LETTER = "\nAnswer with the option's letter from the given choices directly."


def greedy(**options: object) -> dict[str, object]:
    """Returns generation kwargs with what most tasks have in common."""
    return {"temperature": 0, "do_sample": False, "until": ["\n\n"], **options}


NUCLEUS = {"top_p": 1.0, "num_beams": 1}


def pope(name: str, config: str | None, split: str) -> Benchmark:
    questions = [(f"Is there a thing {number} in the image?", number % 2 == 0) for number in range(5)]
    rows = [
        Row(
            {
                "id": str(number),
                "question_id": str(number),
                "question": question,
                "answer": "yes" if is_there else "no",
                "image_source": f"COCO_val2014_{number}",
                "image": picture(number),
                "category": "popular",
            },
            right="Yes." if is_there else "No, there is not.",
            wrong="No." if is_there else "yes",
        )
        for number, (question, is_there) in enumerate(questions)
    ]
    texts = ("id", "question_id", "question", "answer", "image_source", "category")
    return Benchmark(
        task=name,
        path="lmms-lab-encoder/POPE",
        config=config,
        split=split,
        features=dict.fromkeys(texts, "string") | {"image": "image"},
        rows=rows,
        prompt=turn(PICTURE, f"Is there a thing 0 in the image?{WORD}"),
        kwargs=greedy(max_new_tokens=128, **NUCLEUS),
        best={"pope_yes_ratio": 3 / 5},
        worst={"pope_yes_ratio": 2 / 5},
    )


MMSTAR = Benchmark(
    task="mmstar",
    path="Lin-Chen/MMStar",
    split="val",
    features=dict.fromkeys(("question", "answer", "category", "l2_category"), "string")
    | {
        "index": "int64",
        "image": "image",
        "meta_info": {"source": "string", "split": "string", "image_path": "string"},
    },
    rows=[
        Row(
            {
                "index": number,
                "question": f"Which one is it in {number}?\nOptions: A: one, B: two, C: three, D: four",
                "image": picture(number),
                "answer": "ABCD"[number % 4],
                "category": category,
                "l2_category": subcategory,
                "meta_info": {"source": "MMBench", "split": "val", "image_path": "images/0.jpg"},
            },
            right=f"The answer is ({'ABCD'[number % 4]}).",
            wrong="BCDA"[number % 4],
        )
        for number, (category, subcategory) in enumerate(
            [
                ("coarse perception", "image emotion"),
                ("coarse perception", "image style & quality"),
                ("fine-grained perception", "recognition"),
                ("instance reasoning", "single-instance reasoning"),
                ("logical reasoning", "diagram reasoning"),
                ("science & technology", "biology & chemistry & physics"),
                ("math", "geometry"),
            ]
        )
    ],
    prompt=turn(
        PICTURE,
        "Which one is it in 0?\nOptions: A: one, B: two, C: three, D: four"
        "\nAnswer with the option's letter from the given choices directly",
    ),
    kwargs={"do_sample": False, "until": ["\n\n"]},
)

DIRECTION = """In which direction is it?

A. Left.
B. Right.
C. Ahead.
Please answer directly with only the letter of the correct option and nothing else."""

REALWORLDQA = Benchmark(
    task="realworldqa",
    path="lmms-lab-encoder/RealWorldQA",
    split="test",
    features={"image": "image", "image_path": "string", "question": "string", "answer": "string"},
    rows=[
        Row({"image": picture(number), "image_path": "0.webp", "question": question, "answer": answer}, right, wrong)
        for number, (question, answer, right, wrong) in enumerate(
            [
                (
                    DIRECTION,
                    "B",
                    "B.",
                    "A",
                ),
                ("How many are there? Please answer directly with a single word or number.", "2", "2.", "two"),
                ("Is it a road?", "Yes", "yes", "no"),
            ]
        )
    ],
    prompt=turn(PICTURE, DIRECTION),
    kwargs=greedy(max_new_tokens=16, **NUCLEUS),
)

AI2D = Benchmark(
    task="ai2d",
    path="lmms-lab-encoder/ai2d",
    split="test",
    features={"question": "string", "options": ["string"], "answer": "string", "image": "image"},
    rows=[
        Row(
            {
                "question": f"What is part {number}?",
                "options": ["stem", "leaf", "root", "seed"],
                "answer": str(number),
                "image": picture(number),
            },
            right=right,
            wrong="BCDA"[number],
        )
        for number, right in enumerate(["A", "B.", "C. root", "d"])
    ],
    prompt=turn(PICTURE, f"What is part 0?\nA. stem\nB. leaf\nC. root\nD. seed{LETTER}"),
    kwargs=greedy(max_new_tokens=16),
)

SCIENCEQA = Benchmark(
    task="scienceqa_img",
    path="lmms-lab-encoder/ScienceQA",
    config="ScienceQA-IMG",
    split="test",
    features=dict.fromkeys(
        ("question", "hint", "task", "grade", "subject", "topic", "category", "skill", "lecture", "solution"), "string"
    )
    | {"image": "image", "choices": ["string"], "answer": "int8"},
    rows=[
        Row(
            {
                "image": picture(number),
                "question": f"Which of {number}?",
                "choices": ["ice", "fire", "rain"],
                "answer": number,
                "hint": "Look." if number == 0 else "",
            }
            | dict.fromkeys(("task", "grade", "subject", "topic", "category", "skill", "lecture", "solution"), "x"),
            right=right,
            wrong="BCA"[number],
        )
        for number, right in enumerate(["A", "b", "C. rain"])
    ],
    prompt=turn(PICTURE, f"Context: Look.\nWhich of 0?\nA. ice\nB. fire\nC. rain{LETTER}"),
    kwargs=greedy(max_new_tokens=16),
)

CHARTQA = Benchmark(
    task="chartqa",
    path="lmms-lab-encoder/ChartQA",
    split="test",
    features={"type": "string", "question": "string", "answer": "string", "image": "image"},
    rows=[
        Row({"type": kind, "question": question, "answer": answer, "image": picture(number)}, right, wrong)
        for number, (kind, question, answer, right, wrong) in enumerate(
            [
                ("human_test", "How many?", "100", "104", "106"),
                ("human_test", "Which colour?", "Blue", "blue", "red"),
                ("augmented_test", "What share?", "40%", "0.4", "40"),
            ]
        )
    ],
    prompt=turn(PICTURE, "How many?\nAnswer the question with a single word."),
    kwargs=greedy(max_new_tokens=16),
)

OCRBENCH = Benchmark(
    task="ocrbench",
    path="echo840/OCRBench",
    split="test",
    features={
        "dataset": "string",
        "question": "string",
        "question_type": "string",
        "answer": ["string"],
        "image": "image",
    },
    rows=[
        Row(
            {
                "dataset": source,
                "question": f"{kind}: what is written?",
                "question_type": kind,
                "answer": answers,
                "image": picture(number),
            },
            right,
            wrong,
        )
        for number, (source, kind, answers, right, wrong) in enumerate(
            [
                ("IIIT5K", "Regular Text Recognition", ["CENTRE"], "It says centre.", "center"),
                ("ReCTS", "Irregular Text Recognition", ["ABC"], "\uff21\uff22\uff23", "AB"),
                ("textVQA", "Scene Text-centric VQA", ["blue", "dark blue"], "a blue sign", "red"),
                ("docVQA", "Doc-oriented VQA", ["May 1\n1999"], "may 1 1999", "May"),
                ("FUNSD", "Key Information Extraction", ["12"], "12", "21"),
                ("HME100k", "Handwritten Mathematical Expression Recognition", ["x ^ 2"], "x^2 ", "X^2"),
            ]
        )
    ],
    prompt=turn(PICTURE, "Regular Text Recognition: what is written?"),
    kwargs=greedy(max_new_tokens=128, **NUCLEUS),
)

BENCHMARKS = [
    pope("pope", None, "test"),
    pope("pope_adv", "Full", "adversarial"),
    pope("pope_pop", "Full", "popular"),
    pope("pope_random", "Full", "random"),
    MMSTAR,
    REALWORLDQA,
    AI2D,
    SCIENCEQA,
    CHARTQA,
    OCRBENCH,
]


@pytest.fixture(params=BENCHMARKS, ids=lambda benchmark: benchmark.task, scope="module")
def benchmark(request: pytest.FixtureRequest) -> Benchmark:
    chosen: Benchmark = request.param
    return chosen


@pytest.fixture(scope="module")
def folder(benchmark: Benchmark, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return benchmark.write(tmp_path_factory.mktemp(benchmark.task))


def test_the_first_prompt_and_its_options_are_the_benchmarks(benchmark: Benchmark, folder: Path) -> None:
    check_prompt(benchmark, folder)


@pytest.mark.parametrize("is_right", [True, False], ids=["right", "wrong"])
def test_an_oracle_scores_the_maximum_and_its_opposite_the_floor(
    benchmark: Benchmark, folder: Path, *, is_right: bool
) -> None:
    check_score(benchmark, folder, is_right=is_right)


def test_neither_order_nor_shards_change_a_number(benchmark: Benchmark, folder: Path) -> None:
    check_order(benchmark, folder)
