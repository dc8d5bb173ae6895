"""The simulation of many replicas: every request is answered once, and nobody is faster than they can be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.front_costs import FrontCosts
from benchmarks.simulate_scaling import Cluster, simulate

FREE = FrontCosts(plan=0.0, send=0.0, settle=0.0, queue=0.0, wire=0.0, turn=0.0)
EVEN = Cluster(replicas=8, window=256, half=4)


@pytest.mark.parametrize(
    "cluster", [EVEN, replace(EVEN, straggling=0.25), replace(EVEN, straggling=0.25, mean_life=20.0, restart=5.0)]
)
def test_every_request_is_answered_once_whatever_happens_to_the_replicas(cluster: Cluster) -> None:
    outcome = simulate(cluster, FREE, 20_000)
    assert 20_000 == outcome.answered
    assert outcome.seconds > 20_000 / sum(cluster.speeds())
    assert bool(cluster.mean_life) == bool(outcome.failures)


def test_stragglers_hold_up_little_where_work_is_pulled() -> None:
    cluster = replace(EVEN, straggling=0.25)
    ideal = 20_000 / cluster.ideal_speed()
    static = 20_000 / cluster.replicas / min(cluster.speeds())
    assert simulate(cluster, FREE, 20_000).seconds < 1.2 * ideal < static


def test_the_front_is_the_limit_where_replicas_are_faster_than_it() -> None:
    costs = replace(FREE, settle=1e-3)
    fast = simulate(replace(EVEN, speed=1000.0), costs, 20_000)
    assert 20.0 == pytest.approx(fast.front_seconds)
    assert 20.0 <= fast.seconds < 21.0  # the replicas alone would take 2.5
    curve = simulate(replace(EVEN, speed=1000.0), costs, 1_000_000, until=2.0)
    assert curve.answered / curve.seconds <= 1000.0
