"""Every benchmark of the library, on a small data set with the real schema: prompts, oracles and sums.

A benchmark of `NAMES` that lacks its data set, prompt, oracles, order or vectors fails the last tests.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import pytest

import fasteval
from fasteval.tasks import TaskManager
from tests import library_choices, library_judged, library_media, library_text, library_words
from tests.library import SOURCES, Benchmark, check_order, check_prompt, check_score
from tests.library_media import write_clips

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BENCHMARKS = (
    *library_choices.BENCHMARKS,
    *library_words.BENCHMARKS,
    *library_text.BENCHMARKS,
    *library_media.BENCHMARKS,
    *library_judged.BENCHMARKS,
)
#: What the library has to have, tasks and groups.
NAMES = (
    *("ai2d", "blink", "chartqa", "docvqa_val", "gqa", "infovqa_val", "librispeech", "llava_in_the_wild"),
    *("mathvista_testmini", "mmbench_en_dev", "mmbench_en_dev_static", "mme", "mmmu_val", "mmstar", "mmvp", "ocrbench"),
    *("pope", "pope_adv", "pope_pop", "pope_random", "realworldqa", "refcoco_bbox_rec", "scienceqa_img", "seedbench"),
    *("seedbench_ppl", "textvqa_val", "videomme", "vqav2_val"),
    *("arc_challenge", "gsm8k", "hellaswag", "mmlu", "truthfulqa_mc1", "truthfulqa_mc2", "winogrande"),
)


@pytest.fixture(autouse=True, scope="module")
def _clips(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        write_clips(home)
        patch.setenv("HF_HOME", str(home))
        yield


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


def covered_tasks() -> set[str]:
    """Returns the tasks that the tests above run, and MMLU's subjects, which have such tests together."""
    return {benchmark.task for benchmark in BENCHMARKS} | {f"mmlu_{name}" for name in library_text.MMLU_SUBJECTS}


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_has_a_data_set_a_prompt_oracles_an_order_and_vectors_with_their_source(name: str) -> None:
    for module in ("mme", "scoring", "text", "media", "judged"):
        importlib.import_module(f"tests.test_library_{module}")
    assert set() == set(TaskManager().load_task_or_group([name])) - covered_tasks()
    assert SOURCES.get(name)


def test_every_task_of_the_library_is_tested_here_or_in_a_file_of_its_own() -> None:
    assert covered_tasks() | {"easy_vqa", "easy_vqa_choices", "easy_vqa_mme"} == set(TaskManager().all_tasks)
