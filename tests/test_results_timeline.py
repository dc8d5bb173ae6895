"""Each instant of a run belongs to one stage."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasteval.api.request import Response
from fasteval.evaluation.watched import WatchedEngine
from fasteval.models.replay import ReplayEngine
from fasteval.results.statistics import PRIORITY, STAGES, Timeline

UNHURRIED = settings(deadline=None)  # other work on the machine is no fault of the code
EVENTS = st.lists(st.tuples(st.integers(0, 50), st.sampled_from(PRIORITY), st.booleans()), max_size=60)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000

    def __call__(self) -> int:
        return self.now


def by_hand(events: list[tuple[int, str, bool]]) -> dict[str, int]:
    """What a timeline should say, one nanosecond at a time."""
    running = dict.fromkeys(PRIORITY, 0)
    stages = dict.fromkeys(STAGES, 0)
    for wait, name, begins in events:
        for _ in range(wait):
            stages[next((stage for stage in PRIORITY if running[stage]), "other")] += 1
        if begins:
            running[name] += 1
        elif running[name]:
            running[name] -= 1
    return stages


@UNHURRIED
@given(EVENTS)
def test_the_stages_add_up_to_the_wall_time_and_the_first_by_priority_has_each_instant(
    events: list[tuple[int, str, bool]],
) -> None:
    clock = Clock()
    timeline = Timeline(clock)
    running = dict.fromkeys(PRIORITY, 0)
    for wait, name, begins in events:
        clock.now += wait
        if begins:
            timeline.begin(name)
            running[name] += 1
        elif running[name]:
            timeline.end(name)
            running[name] -= 1
    stages = timeline.nanoseconds()
    assert clock.now - 1_000 == sum(stages.values())
    assert by_hand(events) == stages


def test_time_that_nobody_claims_is_other() -> None:
    clock = Clock()
    timeline = Timeline(clock)
    clock.now += 2_000_000_000
    assert {"start": 0, "load": 0, "engine": 0, "scoring": 0, "other": 2.0} == timeline.seconds()


def test_work_beside_the_engine_costs_no_wall_time_but_is_counted_as_busy() -> None:
    clock = Clock()
    timeline = Timeline(clock)
    with timeline.stage("engine"), timeline.stage("scoring"), timeline.stage("scoring"):
        clock.now += 1_000_000_000
    assert (1.0, 0.0) == (timeline.seconds()["engine"], timeline.seconds()["scoring"])
    assert 2.0 == timeline.busy()["scoring"]


def test_a_stage_ends_when_its_block_raises() -> None:
    clock = Clock()
    timeline = Timeline(clock)

    def fail() -> None:
        with timeline.stage("load"):
            clock.now += 3
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    clock.now += 4
    assert (3, 4) == (timeline.nanoseconds()["load"], timeline.nanoseconds()["other"])


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown stage 'engin'"):
        Timeline().begin("engin")


def test_a_stage_that_is_not_going_on_cannot_end() -> None:
    with pytest.raises(ValueError, match="'load' is not going on"):
        Timeline().end("load")


class Ending(ReplayEngine):
    """An engine that is not ready any more once it is closed, as a process is."""

    def close(self) -> None:
        self._is_ready = False


def test_an_engine_that_is_closed_twice_begins_no_stage_again() -> None:
    stages: list[str | None] = []
    engine = WatchedEngine(
        Ending(lambda _request: Response(("yes",))), Timeline(), lambda _answers: None, stages.append
    )
    engine.start()
    engine.close()
    engine.close()
    assert "start" not in stages
