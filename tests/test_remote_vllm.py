"""`--model openai` against vLLM's own server on loopback: the same results as with the engine in hand."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

import fasteval
from fasteval.api.request import Response
from fasteval.models.replay import ReplayEngine
from tests.checkpoints import copy_demo
from tests.servers import vllm_server
from tests.task_folders import make

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fasteval.results.model import Results

pytestmark = pytest.mark.engine

TOLERANCE = 1e-3  # in fp32; the server's batches are not ours
TASKS = ("easy_vqa", "easy_vqa_choices", "easy_vqa_mme")
LIMIT = int(os.environ.get("FASTEVAL_TEST_LIMIT", "12"))  # documents of each task


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_demo(tmp_path_factory.mktemp("demo") / "checkpoint")


@pytest.fixture(scope="module")
def served(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("server") / "log"
    arguments = ("--dtype", "float32", "--enforce-eager", "--max-num-seqs", "32", "--max-model-len", "2048")
    with vllm_server(checkpoint, *arguments, log=log) as url:
        yield url


@pytest.fixture(scope="module")
def results(checkpoint: Path, served: str) -> tuple[Results, Results]:
    local = fasteval.evaluate(
        "qwen2-vl",
        TASKS,
        model_args={"pretrained": str(checkpoint), "dtype": "float32", "max_model_len": 2048},
        limit=LIMIT,
        no_cache=True,
    )
    remote = fasteval.evaluate(
        "openai", TASKS, model_args={"base_url": served}, limit=LIMIT, prompt_profile="qwen2_vl", no_cache=True
    )
    return local, remote


def samples(results: Results, task: str) -> list[Any]:
    return list(results.tasks[task].samples)


@pytest.mark.parametrize("task", ["easy_vqa", "easy_vqa_mme"])
def test_a_server_gives_the_same_texts(results: tuple[Results, Results], task: str) -> None:
    local, remote = results
    assert [sample.resps for sample in samples(local, task)] == [sample.resps for sample in samples(remote, task)]


def test_a_server_gives_the_same_log_probabilities_of_choices(results: tuple[Results, Results]) -> None:
    local, remote = (samples(one, "easy_vqa_choices") for one in results)
    for ours, theirs in zip(local, remote, strict=True):
        assert ours.is_greedy == theirs.is_greedy
        assert len(ours.continuations) == len(theirs.continuations)
        for expected, got in zip(ours.logprobs, theirs.logprobs, strict=True):
            assert abs(expected - got) <= TOLERANCE


def test_a_server_gives_the_same_scores(results: tuple[Results, Results]) -> None:
    local, remote = results
    assert {name: task.metrics for name, task in local.tasks.items()} == {
        name: task.metrics for name, task in remote.tasks.items()
    }


def test_nothing_of_it_is_kept_for_later_runs_without_a_revision(served: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"limit": 2, "prompt_profile": "qwen2_vl", "use_cache": str(tmp_path)}
    counts = []
    for revision in (None, None, "1", "1"):
        arguments = {"base_url": served} | ({} if revision is None else {"revision": revision})
        results = fasteval.evaluate("openai", ["easy_vqa"], model_args=arguments, **options)
        counts.append(results.statistics.sent)
    assert [2, 2, 2, 0] == counts


def test_a_judge_on_a_server_reads_answers_and_is_asked_once(served: str, tmp_path: Path) -> None:
    rule = """
        judge:
          kind: binary
          words: ["yes", "no"]
          prompt: "Is {{prediction}} {{target}}?"
          generation_kwargs: {max_new_tokens: 4}
        """
    model = ReplayEngine(lambda request: Response((request.prompt.plain_text(),)), fingerprint="model")
    asked = []
    for _ in range(2):
        results = fasteval.evaluate(
            model,
            [make(tmp_path, rule)],
            judge="openai",
            judge_args={"base_url": served, "revision": "1"},
            use_cache=str(tmp_path / "cache"),
        )
        counters = results.statistics.counters
        asked.append(counters["judge_questions"] - counters["judge_cache_hits"])
        for document in results.tasks["plain"].documents:
            [judgement] = document.samples[0].judgements or ()
            said = judgement["text"].lower()
            # The demo model was never shown such a question: it says yes, no, or something else, which is no verdict.
            has_verdict = ("yes" in said) != ("no" in said)
            assert judgement["prompt_tokens"] > 0
            assert (document.error is None) == has_verdict, document.error
    assert [5, 0] == asked
