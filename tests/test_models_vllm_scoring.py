"""Scores of choices that share a context: the same numbers in every way of reading them out of vLLM."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fasteval.scoring import WAYS as SCORING_WAYS
from tests.checkpoints import copy_demo, make_llama

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.engine

WAYS = ("tails", "warm", "trie")
KINDS = ("text", "tiny-cache", "images")
TO_PLAIN, TO_TRANSFORMERS = 1e-5, 1e-4  # of a log-probability, a token


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """Runs `tests/scoring_ways.py` once a kind."""
    folder = tmp_path_factory.mktemp("scoring")
    results: dict[str, dict[str, Any]] = {}

    def run(kind: str) -> dict[str, Any]:
        if kind not in results:
            make = copy_demo if kind == "images" else make_llama
            checkpoint, output = make(folder / kind), folder / f"{kind}.json"
            command = [sys.executable, "-m", "tests.scoring_ways", str(checkpoint), kind, str(output)]
            root = Path(__file__).parent.parent
            process = subprocess.run(command, cwd=root, env=os.environ, capture_output=True, text=True, check=False)
            assert 0 == process.returncode, process.stderr[-4000:]
            results[kind] = json.loads(output.read_text())
        return results[kind]

    return run


def errors_per_token(results: dict[str, Any], one: str, other: str) -> list[float]:
    pairs = zip(results[one], results[other], results["lengths"], strict=True)
    return [abs(expected[0] - got[0]) / length for expected, got, length in pairs]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_the_plain_way(scored: Callable[[str], dict[str, Any]], kind: str, way: str) -> None:
    assert max(errors_per_token(scored(kind), "plain", way)) <= TO_PLAIN


@pytest.mark.parametrize("way", ["plain", *WAYS])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_transformers(scored: Callable[[str], dict[str, Any]], kind: str, way: str) -> None:
    assert max(errors_per_token(scored(kind), "transformers", way)) <= TO_TRANSFORMERS


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_greedy_is_greedy_in_every_way(scored: Callable[[str], dict[str, Any]], kind: str, way: str) -> None:
    results = scored(kind)
    assert [greedy for _, greedy in results["plain"]] == [greedy for _, greedy in results[way]]


def test_groups_that_hypothesis_makes_up_are_scored_alike_in_every_way(
    scored: Callable[[str], dict[str, Any]],
) -> None:
    worst = scored("random")
    assert worst["plain"] <= TO_PLAIN
    assert worst["transformers"] <= TO_TRANSFORMERS


def test_with_a_tiny_cache_requests_that_score_are_preempted(scored: Callable[[str], dict[str, Any]]) -> None:
    assert [] == scored("text")["preempted"]
    names = {name.partition("-")[0] for name in scored("tiny-cache")["preempted"]}
    assert {"choice", "plain"} <= names


def test_a_continuation_that_the_cache_has_swallowed_is_scored_anew(scored: Callable[[str], dict[str, Any]]) -> None:
    results = scored("text")
    assert 0 < results["counters"]["warm"]["scoring_recomputed"]


def test_the_counters_say_what_was_shared(scored: Callable[[str], dict[str, Any]]) -> None:
    results = scored("images")
    counters = results["counters"]["tails"]
    rows = len(results["lengths"])
    assert rows == counters["scoring_rows"] == sum(counters[f"scoring_rows_{way}"] for way in SCORING_WAYS)
    assert counters["scoring_rows_plain"] < rows / 10
    # A context is computed once: half of the prompt tokens at least come from the cache.
    assert counters["prompt_tokens"] < 2 * counters["cached_tokens"]
