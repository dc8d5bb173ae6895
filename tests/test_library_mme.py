"""MME: prompts, parsing and scores, by the benchmark's rules and by hand."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

import fasteval
from fasteval.api.request import EngineRequest, Response
from fasteval.errors import DatasetError
from fasteval.models.replay import ReplayEngine

if TYPE_CHECKING:
    from types import ModuleType


def module(name: str) -> ModuleType:
    path = Path(fasteval.__file__).parent / "_library" / name / "utils.py"
    spec = importlib.util.spec_from_file_location(f"library_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


mme = module("mme")


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ("yes", "Yes."),
        ("no", " no "),
        ("no", "no, it is"),
        ("other", "The answer is yes"),
        ("other", "Yeah"),
        ("no", "n"),
        ("yes", "Y"),
        ("other", "x"),
        ("other", "unknown"),
        ("no", "know"),
        ("no", "not at all"),
        ("yes", "yes, there is"),
        ("other", ""),
    ],
)
def test_answers_are_parsed_by_their_first_characters(expected: str, answer: str) -> None:
    assert expected == mme.parse_answer(answer)


@pytest.mark.parametrize(
    ("expected", "before", "after"),
    [
        (
            "Is there a dog?\nAnswer the question using a single word or phrase.",
            "",
            "\nAnswer the question using a single word or phrase.",
        ),
        ("Is there a dog? Answer:", "", " Answer:"),
        ("Is there a dog? Please answer yes or no.", "", ""),
    ],
)
def test_a_prompt_of_its_own_replaces_the_questions_ending(expected: str, before: str, after: str) -> None:
    doc = {"question": "Is there a dog? Please answer yes or no."}
    assert expected == mme.doc_to_text(doc, {"pre_prompt": before, "post_prompt": after})


def items(category: str, *pairs: tuple[float, ...]) -> list[dict[str, Any]]:
    return [
        {"question_id": f"{category}{number}", "category": category, "score": score}
        for number, pair in enumerate(pairs)
        for score in pair
    ]


@pytest.mark.parametrize(
    ("expected", "scores"),
    [
        (200.0, items("count", (1, 1), (1, 1))),
        (0.0, items("count", (0, 0))),
        (50.0, items("count", (1, 0))),  # half of the questions, no image
        ((200 + 50) / 2, items("count", (1, 1), (0, 1))),
        (200.0 + 50.0, [*items("count", (1, 1)), *items("color", (0, 1))]),  # categories add up
        (200.0, items("count", (1, 1), (0,))),  # an image that a limit cut in two is left out
    ],
)
def test_a_category_is_accuracy_plus_accuracy_plus_of_its_images(expected: float, scores: list[dict[str, Any]]) -> None:
    assert expected == pytest.approx(mme.score(scores))


def test_without_a_whole_image_there_is_no_score() -> None:
    assert math.isnan(mme.score(items("count", (1,))))


# One image a row: category, right answers of the oracle (first, second question).
IMAGES = [
    ("existence", True, True),
    ("existence", True, False),
    ("OCR", False, False),
    ("code_reasoning", True, True),
    ("code_reasoning", False, True),
    ("text_translation", False, True),
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set with MME's schema, as a folder of parquet."""
    import datasets

    rows = []
    for number, (category, *_) in enumerate(IMAGES):
        image = Image.new("RGB", (8, 8), (number * 40, 0, 0))
        for half, answer in enumerate(("Yes", "No")):
            question = f"Is picture {number} like {half}? Please answer yes or no."
            row = {"question_id": f"{category}/{number}.png", "question": question, "answer": answer}
            rows.append(row | {"category": category, "image": image})
    features = datasets.Features(
        {name: datasets.Value("string") for name in ("question_id", "question", "answer", "category")}
        | {"image": datasets.Image()}
    )
    folder = tmp_path_factory.mktemp("mme")
    (folder / "data").mkdir()
    datasets.Dataset.from_list(rows, features=features).to_parquet(folder / "data" / "test-00000-of-00001.parquet")
    return folder


def oracle(request: EngineRequest) -> Response:
    """Answers rightly where IMAGES says so."""
    words = request.prompt.plain_text().split()
    number, half = int(words[2]), int(words[4].removesuffix("?"))
    right = IMAGES[number][1 + half]
    truth = half == 0
    return Response(texts=("Yes" if truth == right else "No.",), finish_reason="stop")


def evaluate(dataset: Path, **options: Any) -> dict[str, Any]:
    engine = ReplayEngine(oracle)
    run = fasteval.evaluate(engine, "mme", datasets={"lmms-lab-encoder/MME": str(dataset)}, no_cache=True, **options)
    assert run.is_complete
    return dict(run.tasks["mme"].metrics)


def test_scores_are_those_computed_by_hand(dataset: Path) -> None:
    metrics = evaluate(dataset)
    assert (200 + 50) / 2 + 0 == metrics["mme_perception_score,none"]
    assert (200 + 50) / 2 + 50 == metrics["mme_cognition_score,none"]
    assert 125.0 == metrics["mme_existence,none"] == metrics["mme_code_reasoning,none"]
    assert (0.0, 50.0) == (metrics["mme_OCR,none"], metrics["mme_text_translation,none"])


@pytest.mark.parametrize("limit", [1, 3, 11])
def test_an_odd_limit_does_not_crash(dataset: Path, limit: int) -> None:
    metrics = evaluate(dataset, limit=limit)
    if limit == 3:
        assert 200.0 == metrics["mme_perception_score,none"]


def test_shuffled_documents_give_the_same_number(dataset: Path) -> None:
    assert evaluate(dataset) == evaluate(dataset, shuffle_seed=3, window=1)


def test_the_prompt_and_the_options_are_the_benchmarks(dataset: Path) -> None:
    engine = ReplayEngine(oracle)
    fasteval.evaluate(engine, "mme", datasets={"lmms-lab-encoder/MME": str(dataset)}, no_cache=True, limit=1)
    (request,) = engine.requests
    suffix = "Answer the question using a single word or phrase."
    assert f"Is picture 0 like 0?\n{suffix}" == request.prompt.plain_text()
    assert {
        "max_new_tokens": 16,
        "temperature": 0,
        "top_p": 1.0,
        "num_beams": 1,
        "do_sample": False,
        "until": ["\n\n"],
    } == (request.generation_kwargs)
    assert 1 == len(request.media)


def test_offline_and_without_a_copy_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(DatasetError, match=r"lmms-lab-encoder/MME.*--dataset"):
        fasteval.evaluate(ReplayEngine(oracle), "mme", no_cache=True)
