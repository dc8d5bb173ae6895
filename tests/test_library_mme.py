"""MME: prompts, parsing and scores, by the benchmark's rules and by hand."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import fasteval
from fasteval.api.request import EngineRequest, Response
from fasteval.errors import DatasetError
from fasteval.models.replay import ReplayEngine
from tests.library import vectors
from tests.library_words import MME

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


@vectors("mme", source="parse_pred_ans in the evaluation program of MME (arXiv:2306.13394)")
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


#: Whether the oracle answers the first and the second question of each of the data set's first images rightly.
RIGHT = [(True, True), (True, False), (False, False), (True, True), (False, True), (False, True)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return MME.write(tmp_path_factory.mktemp("mme"))


def oracle(request: EngineRequest) -> Response:
    """Answers rightly where RIGHT says so."""
    words = request.prompt.plain_text().split()
    number, half = int(words[2]), int(words[4].removesuffix("?"))
    return Response(texts=("Yes" if (half == 0) == RIGHT[number][half] else "No.",), finish_reason="stop")


def evaluate(folder: Path, *, limit: int = 2 * len(RIGHT)) -> dict[str, Any]:
    return dict(MME.evaluate(folder, ReplayEngine(oracle), limit=limit).tasks["mme"].metrics)


@vectors("mme", source="arXiv:2306.13394 §2.2, by hand")
def test_scores_are_those_computed_by_hand(folder: Path) -> None:
    metrics = evaluate(folder)
    assert (200 + 50) / 2 + 0 == metrics["mme_perception_score,none"]
    assert (200 + 50) / 2 + 50 == metrics["mme_cognition_score,none"]
    assert 125.0 == metrics["mme_existence,none"] == metrics["mme_code_reasoning,none"]
    assert (0.0, 50.0) == (metrics["mme_OCR,none"], metrics["mme_text_translation,none"])


@pytest.mark.parametrize("limit", [1, 3, 11])
def test_an_odd_limit_does_not_crash(folder: Path, limit: int) -> None:
    metrics = evaluate(folder, limit=limit)
    if limit == 3:
        assert 200.0 == metrics["mme_perception_score,none"]


def test_offline_and_without_a_copy_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(DatasetError, match=r"lmms-lab-encoder/MME.*--dataset"):
        fasteval.evaluate(ReplayEngine(oracle), "mme", no_cache=True)
