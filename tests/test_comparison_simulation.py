"""What comparisons and sequential gates promise, on simulated runs whose truth is known; seeds are fixed."""

from __future__ import annotations

import math

import pytest

from benchmarks.comparison_simulation import (
    ALPHA,
    World,
    coverage,
    false_alarms,
    family_alarms,
    power_at_detectable,
    sequential,
)

RUNS = 400
#: Three standard errors of a share of about 5 % among so many runs.
NOISE = 3 * math.sqrt(ALPHA * (1 - ALPHA) / RUNS)
WORLDS = {
    "independent": World(documents=400),
    "few differ": World(documents=400, differ=0.01),
    "images": World(documents=1000, size=10),
    "graded": World(documents=150, is_graded=True),
    "graded images": World(documents=200, size=5, differ=0.3, is_graded=True),
}


@pytest.mark.parametrize("name", WORLDS)
def test_runs_that_do_not_differ_are_called_different_in_at_most_five_percent(name: str) -> None:
    assert false_alarms(WORLDS[name], RUNS) <= ALPHA + NOISE


def test_in_2000_pairs_of_right_and_wrong_documents_too() -> None:
    assert false_alarms(WORLDS["independent"], 2000) <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / 2000)


def test_mcnemars_test_alone_would_not_hold_that_for_images() -> None:
    """Why clusters are drawn as a whole: a test that takes their documents for independent is wrong far more often."""
    import numpy as np

    rng = np.random.default_rng(1)
    pairs = [WORLDS["images"].pair(rng) for _ in range(RUNS)]
    assert sum(pair.mcnemar is not None and pair.mcnemar <= ALPHA for pair in pairs) / RUNS > 0.15


def test_several_tasks_raise_no_more_alarms_than_one() -> None:
    assert family_alarms(World(documents=200), 5, RUNS) <= ALPHA + NOISE


@pytest.mark.parametrize("name", ["independent", "few differ", "images"])
def test_a_drop_of_the_stated_size_is_found_in_four_of_five_runs(name: str) -> None:
    _, power = power_at_detectable(WORLDS[name], RUNS)
    assert 0.8 == pytest.approx(power, abs=0.06)


@pytest.mark.parametrize("name", ["independent", "few differ", "images"])
def test_intervals_hold_the_truth(name: str) -> None:
    world = World(**(WORLDS[name].__dict__ | {"difference": -WORLDS[name].differ / 3}))
    assert coverage(world, RUNS) >= 1 - ALPHA - NOISE


@pytest.mark.parametrize("size", [1, 5])
def test_a_sequential_gate_at_its_very_limit_is_wrong_in_at_most_five_percent_either_way(size: int) -> None:
    shares = sequential(World(documents=500, size=size, difference=-0.05), 0.05, RUNS // 2)
    noise = 3 * math.sqrt(ALPHA * (1 - ALPHA) / (RUNS // 2))
    assert shares.go <= ALPHA + noise
    assert shares.no_go <= ALPHA + noise


@pytest.mark.parametrize("size", [1, 5])
def test_a_sequential_gate_saves_most_requests_where_the_difference_is_large(size: int) -> None:
    shares = sequential(World(documents=1000, size=size, differ=0.25, difference=-0.2), 0.03, 50)
    assert 1.0 == shares.no_go
    assert shares.saved >= 0.6
