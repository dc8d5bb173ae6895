"""What scoring choices together saves on whole tasks: requests and prompt tokens. Counters, never seconds."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

import fasteval
from benchmarks.choice_tasks import TASKS, write_tasks
from fasteval.results.table import print_results
from fasteval.scoring import ScoringCounts
from tests.checkpoints import make_llama

if TYPE_CHECKING:
    from pathlib import Path

    from fasteval.results.model import Results

pytestmark = pytest.mark.engine

DOCUMENTS = 12
BLOCK = 32


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Five-shot questions with MMLU's schema and endings with HellaSwag's, on a random Llama."""
    folder: Path = tmp_path_factory.mktemp("tasks")
    write_tasks(folder, DOCUMENTS, context_words=30)
    # Large enough for a token to cost something beside a request: for a smaller one four requests are the best way.
    checkpoint = make_llama(tmp_path_factory.mktemp("llama") / "checkpoint", length=4096, hidden=384, layers=6)
    return fasteval.evaluate(
        "vllm",
        list(TASKS),
        model_args={"pretrained": str(checkpoint)},
        include_path=(str(folder),),
        no_cache=True,
        bootstrap_iters=0,
    )


@pytest.fixture(scope="module")
def images() -> Results:
    return fasteval.evaluate("demo", "easy_vqa_choices", limit=DOCUMENTS, no_cache=True, bootstrap_iters=0)


def counts(results: Results) -> ScoringCounts:
    assert results.is_complete
    scored = results.statistics.log_likelihood
    assert scored is not None
    return scored


def test_letters_take_a_request_a_token_and_endings_one_more_than_there_are(text: Results) -> None:
    scored = counts(text)
    assert 8 * DOCUMENTS == scored.rows
    # This tokenizer has no " A": the space is a token of its own, that all choices begin with.
    assert {"shared": 0, "trie": 4 * DOCUMENTS, "tail": 4 * DOCUMENTS, "plain": 0} == scored.ways
    # Where a block of the prefix cache ends just behind that space, a row is swallowed and asked for again.
    again = text.statistics.counters["scoring_recomputed"]
    assert again <= 4
    assert (2 + 5) * DOCUMENTS + again == scored.requests
    assert DOCUMENTS - again == scored.requests_saved


def test_a_context_and_the_examples_before_all_questions_are_computed_once(text: Results) -> None:
    scored = counts(text)
    endings = list(text.tasks["hellaswag_shaped"].samples)
    questions = list(text.tasks["mmlu_shaped"].samples)
    continuations = sum(sample.output_tokens for sample in endings)
    contexts = sum(sample.prompt_tokens // 4 for sample in endings)
    lengths = [sample.prompt_tokens // 4 for sample in questions]
    # What a block of the prefix cache cannot hold is computed again: at most a block for each request.
    examples = 0.8 * min(lengths)
    once = contexts + continuations + max(lengths) + sum(length - examples for length in lengths)
    assert scored.computed_tokens <= once + BLOCK * scored.requests
    assert scored.tokens_saved == scored.plain_tokens - scored.computed_tokens
    assert scored.hit_rate > 0.7


def test_thirteen_choices_about_a_picture_take_one_request(images: Results) -> None:
    scored = counts(images)
    assert (13 * DOCUMENTS, DOCUMENTS) == (scored.rows, scored.requests)
    assert {"shared": 13 * DOCUMENTS, "trie": 0, "tail": 0, "plain": 0} == scored.ways
    assert scored.computed_tokens < scored.plain_tokens / 13


def test_the_report_says_what_was_saved(images: Results) -> None:
    scored, stream = counts(images), io.StringIO()
    print_results(images, stream)
    assert scored.line() == stream.getvalue().splitlines()[-1]
    assert f"{12 * DOCUMENTS} saved" in scored.line()
    assert scored.to_dict() == images.to_dict()["throughput"]["log_likelihood"]


def test_without_log_likelihoods_there_is_nothing_to_say() -> None:
    assert None is ScoringCounts.of({"requests": 3.0})


def test_a_few_rows_may_take_more_requests_than_they_are() -> None:
    counters = {"scoring_rows": 1.0, "scoring_rows_tail": 1.0, "scoring_requests": 2.0, "scoring_prompt_tokens": 0.0}
    scored = ScoringCounts.of(counters)
    assert scored is not None
    assert (-1, 0.0) == (scored.requests_saved, scored.hit_rate)
