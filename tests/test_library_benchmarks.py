"""Every benchmark of the library, on a small data set with the real schema: prompts, oracles and sums."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import fasteval
from tests import library_choices, library_text, library_words
from tests.library import Benchmark, check_order, check_prompt, check_score

if TYPE_CHECKING:
    from pathlib import Path

BENCHMARKS = (*library_choices.BENCHMARKS, *library_words.BENCHMARKS, *library_text.BENCHMARKS)


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


def test_the_fourteen_parts_of_blink_are_one_group(tmp_path: Path) -> None:
    first = library_choices.BLINK[0]
    parts = [benchmark.task for benchmark in library_choices.BLINK]
    for benchmark in library_choices.BLINK:
        benchmark.write(tmp_path)
    engine = first.engine(is_right=True)
    run = fasteval.evaluate(engine, "blink", datasets={first.path: str(tmp_path)}, no_cache=True, bootstrap_iters=0)
    assert 14 == len(parts)
    assert sorted(parts) == sorted(run.tasks)
    assert {"blink_acc,none": 1.0} == run.groups["blink"].metrics


def test_every_task_of_the_library_is_tested_here_or_in_a_file_of_its_own() -> None:
    from fasteval.tasks import TaskManager
    from tests.library_text import MMLU_SUBJECTS
    from tests.test_library_judged import BENCHMARKS as JUDGED

    speech = {f"librispeech_{part}" for part in ("dev_clean", "dev_other", "test_clean", "test_other")}
    elsewhere = speech | {
        "videomme",
        "mme",
        "easy_vqa",
        "easy_vqa_choices",
        "easy_vqa_mme",
        *(f"mmlu_{name}" for name in MMLU_SUBJECTS),
    }
    assert {benchmark.task for benchmark in (*BENCHMARKS, *JUDGED)} | elsewhere == set(TaskManager().all_tasks)
