"""easy-VQA: documents, pairs, prompts and scores."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

import fasteval
from fasteval.api.request import EngineRequest, Response
from fasteval.models.replay import ReplayEngine
from tests.test_library_mme import module

utils = module("easy_vqa")
WORD = "\nAnswer the question using a single word or phrase."
YES_NO = "\nPlease answer yes or no."


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str], str]:
    """Returns the right answer by question and picture."""
    from fasteval.media import to_media

    return {(doc["question"], to_media(doc["image"]).content_id): doc["answer"] for doc in utils.load()["test"]}


def test_all_test_questions_are_there_in_four_kinds() -> None:
    docs = utils.load()["test"]
    assert 9673 == len(docs)
    assert {"shape": 1257, "color": 1280, "yes_no_shape": 1935, "yes_no_color": 5201} == Counter(
        doc["kind"] for doc in docs
    )


def test_pairs_have_one_yes_and_one_no_of_one_kind_about_one_image() -> None:
    docs = utils.load_pairs()["test"]
    assert 4460 == len(docs)
    for first, second in zip(docs[::2], docs[1::2], strict=True):
        assert ("yes", "no") == (first["answer"], second["answer"])
        assert (first["pair"], first["image_id"], first["kind"]) == (
            second["pair"],
            second["image_id"],
            second["kind"],
        )
    assert len({doc["question_id"] for doc in docs}) == len(docs)


def test_there_are_thirteen_answers() -> None:
    assert 13 == len(set(utils.doc_to_choice({}))) == len(utils.doc_to_choice({}))


def oracle(answers: dict[tuple[str, str], str], *, is_right: bool) -> ReplayEngine:
    def answer(request: EngineRequest) -> Response:
        question = request.prompt.plain_text().removesuffix(WORD).removesuffix(YES_NO)
        truth = answers[question, request.media[0].content_id]
        if request.continuation is not None:
            is_truth = request.continuation.strip() == truth
            return Response(logprob=-1.0 if is_truth == is_right else -9.0, is_greedy=is_truth)
        return Response(texts=(f" {truth.capitalize()}." if is_right else "dog",), finish_reason="stop")

    return ReplayEngine(answer)


@pytest.mark.parametrize("task", ["easy_vqa", "easy_vqa_mme", "easy_vqa_choices"])
@pytest.mark.parametrize(("expected", "is_right"), [(1.0, True), (0.0, False)])
def test_an_oracle_scores_the_maximum_and_its_opposite_the_floor(
    answers: dict[tuple[str, str], str], task: str, expected: float, is_right: bool
) -> None:
    run = fasteval.evaluate(oracle(answers, is_right=is_right), task, no_cache=True, limit=60)
    assert {expected} == {value for key, value in run.tasks[task].metrics.items() if not key.startswith("acc_norm")}


def test_the_exact_prompts(answers: dict[tuple[str, str], str]) -> None:
    prompts: dict[str, Any] = {}
    for task in ("easy_vqa", "easy_vqa_mme", "easy_vqa_choices"):
        engine = oracle(answers, is_right=True)
        fasteval.evaluate(engine, task, no_cache=True, limit=1)
        prompts[task] = engine.requests[0].prompt.messages
    picture = {"type": "media", "index": 0, "kind": "image"}

    def turn(text: str) -> list[dict[str, Any]]:
        return [{"role": "user", "content": [picture, {"type": "text", "text": text}]}]

    assert turn(f"what is the red shape?{WORD}") == prompts["easy_vqa"] == prompts["easy_vqa_choices"]
    assert turn(f"is there not a black shape in the image?{YES_NO}") == prompts["easy_vqa_mme"]


def test_accuracy_plus_counts_whole_pairs_only() -> None:
    members = [
        {"pair": "a", "right": 1.0},
        {"pair": "a", "right": 1.0},
        {"pair": "b", "right": 1.0},
        {"pair": "b", "right": 0.0},
        {"pair": "c", "right": 1.0},
    ]
    assert 0.5 == utils.accuracy_plus(members)
