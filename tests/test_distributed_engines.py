"""Real engines: ranks, replicas and Ray actors give what one engine gives, also when one is killed meanwhile.

FASTEVAL_TEST_LIMIT is the number of documents of each task; `python -m benchmarks.same_results` tells more, of more.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from benchmarks.same_results import KillOne, actors, compare, hosts, killed_rank, one_engine, replicas, written_twice
from fasteval.evaluation.merge import merge
from fasteval.results.saved import rank_files, read_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fasteval.results.model import Results

pytestmark = pytest.mark.engine

LIMIT = int(os.environ.get("FASTEVAL_TEST_LIMIT", "24"))


@pytest.fixture(scope="module")
def expected() -> Results:
    return one_engine(LIMIT, no_cache=True)


@pytest.fixture
def ray_cluster() -> Iterator[None]:
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False)
    yield
    ray.shutdown()


def die_and_compare(expected: Results, cache: Path, executor: str, processes: Callable[[], list[int]]) -> None:
    killer = KillOne(processes)
    found = replicas(2, LIMIT, executor, use_cache=cache, callbacks=[killer])
    assert killer.killed
    assert found.statistics.counters["requests_passed_on"] > 0
    assert 0 == written_twice(cache)
    assert compare(expected, found).is_same


def test_two_replicas_give_what_one_engine_gives_although_one_is_killed(expected: Results, tmp_path: Path) -> None:
    die_and_compare(expected, tmp_path, "local", hosts)


@pytest.mark.usefixtures("ray_cluster")
def test_two_ray_actors_give_what_one_engine_gives_although_one_is_killed(expected: Results, tmp_path: Path) -> None:
    die_and_compare(expected, tmp_path, "ray", actors)
    assert [] == actors()


def test_ranks_give_what_one_engine_gives_although_one_is_killed_and_run_again(
    expected: Results, tmp_path: Path
) -> None:
    again = killed_rank(1, 2, LIMIT, tmp_path, 8, "--window", "4")
    assert (-9, 0) == (again.exit_code, again.again)
    assert 8 - 1 <= again.written < again.total  # the eighth line may have been cut off in mid-write
    one_engine(LIMIT, rank=0, world_size=2, no_cache=True, output_path=tmp_path)
    assert compare(expected, merge([read_run(path) for path in rank_files(tmp_path)])).is_same
