"""The supervised engine: whatever kills it, each request gets one completion, and a healthy one its answer."""

from __future__ import annotations

import logging
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fasteval.api.prompt import Prompt
from fasteval.api.request import Completion, EngineRequest, Kind, Response
from fasteval.errors import CheckpointError, EngineError, RequestError
from fasteval.media import Media, to_media
from fasteval.models.backoff import Backoff
from fasteval.models.replay import ReplayEngine
from fasteval.models.supervised import SupervisedEngine
from tests.stubs import echo

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    Answer = Callable[[EngineRequest], Response]

AT_ONCE = Backoff(first=0.0)


def supervise(answer: Answer) -> tuple[SupervisedEngine, ReplayEngine]:
    engine = ReplayEngine(answer)
    return SupervisedEngine(engine, backoff=Backoff(first=0.0)), engine


def ask(row: int, *media: Media) -> EngineRequest:
    return EngineRequest(row, Kind.GENERATE_UNTIL, Prompt(text=str(row)), media=media)


def drain(engine: SupervisedEngine, requests: Sequence[EngineRequest], window: int = 8) -> dict[int, Completion]:
    """Returns all completions by row; fails if one comes twice or too many polls are needed."""
    waiting, done, in_flight = list(requests), dict[int, Completion](), 0
    engine.start()
    for _ in range(1000 + 100 * len(requests)):
        batch, waiting = waiting[: window - in_flight], waiting[window - in_flight :]
        if batch:
            engine.submit(batch)
        in_flight += len(batch)
        if not in_flight:
            return done
        for completion in engine.poll(0.0):
            assert completion.row not in done
            done[completion.row] = completion
            in_flight -= 1
    raise AssertionError(f"{in_flight} requests never came back")


def poisoned(rows: Collection[int]) -> Answer:
    def answer(request: EngineRequest) -> Response:
        if request.row in rows:
            raise EngineError("killed by SIGSEGV")
        return echo(request)

    return answer


@given(st.integers(1, 40), st.sets(st.integers(0, 39), max_size=3), st.integers(1, 16))
def test_poisonous_requests_are_found_and_no_healthy_one_is_lost(total: int, poison: set[int], window: int) -> None:
    poison = {row for row in poison if row < total}
    engine, replay = supervise(poisoned(poison))
    done = drain(engine, [ask(row) for row in range(total)], window)
    assert list(range(total)) == sorted(done)
    assert poison == {row for row, completion in done.items() if completion.response is None}
    assert all("killed by SIGSEGV" in (done[row].error or "") for row in poison)
    counters = engine.counters()
    assert (len(poison), replay.started - 1) == (counters["requests_given_up"], counters["engine_restarts"])


@pytest.mark.parametrize("poison", [0, 100, 255])
def test_a_poisonous_request_costs_two_deaths_and_one_a_halving(poison: int) -> None:
    engine, _ = supervise(poisoned({poison}))
    drain(engine, [ask(row) for row in range(256)], 256)
    assert engine.counters()["engine_restarts"] <= 2 + 8 + 1


@given(st.sets(st.integers(0, 20), max_size=20), st.integers(0, 19), st.integers(1, 16))
def test_deaths_that_no_request_has_caused_cost_no_request(deaths: set[int], first: int, window: int) -> None:
    calls = iter(range(100_000))

    def answer(request: EngineRequest) -> Response:
        number, rest = divmod(next(calls), 20)
        if rest == first and number in deaths:
            raise EngineError("killed by SIGKILL")
        return echo(request)

    engine, _ = supervise(answer)
    done = drain(engine, [ask(row) for row in range(60)], window)
    assert all(done[row].response == echo(ask(row)) for row in range(60))


def test_a_death_sends_what_was_in_hand_again_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    deaths = iter([True])

    def answer(request: EngineRequest) -> Response:
        if request.row == 3 and next(deaths, False):
            raise EngineError("the engine process was killed by SIGKILL")
        return echo(request)

    engine, replay = supervise(answer)
    with caplog.at_level(logging.WARNING):
        done = drain(engine, [ask(row) for row in range(8)])
    assert 8 == sum(completion.response is not None for completion in done.values())
    assert [0, 1, 2, 3, 4, 5, 6, 7, 3, 4, 5, 6, 7] == [request.row for request in replay.requests]
    expected = {"requests": 13.0, "engine_restarts": 1.0, "requests_resent": 5.0, "requests_given_up": 0.0}
    assert expected == engine.counters()
    (line,) = caplog.messages
    assert "killed by SIGKILL; it starts again in 0.0 s, and 5 requests go again" in line


def test_a_poisonous_picture_is_tried_with_three_requests_and_then_refused() -> None:
    bad, good = to_media(Image.new("RGB", (2, 2), "red")), to_media(Image.new("RGB", (2, 2), "blue"))

    def answer(request: EngineRequest) -> Response:
        if bad in request.media:
            raise EngineError("out of memory")
        return echo(request)

    requests = [ask(row, bad if 10 <= row < 30 else good) for row in range(60)]
    engine, _ = supervise(answer)
    done = drain(engine, requests, 40)
    assert set(range(10, 30)) == {row for row, completion in done.items() if completion.response is None}
    assert 17 == sum("its picture has ended" in (completion.error or "") for completion in done.values())
    assert engine.counters()["engine_restarts"] <= 12


def test_a_picture_that_innocent_requests_show_is_not_blamed_for_one_of_them() -> None:
    picture = to_media(Image.new("RGB", (2, 2), "red"))
    engine, _ = supervise(poisoned({5}))
    done = drain(engine, [ask(row, picture) for row in range(40)], 16)
    assert [5] == [row for row, completion in done.items() if completion.response is None]


def test_an_engine_that_dies_of_everything_is_an_error_and_no_list_of_error_rows() -> None:
    engine, replay = supervise(poisoned(range(1000)))
    with pytest.raises(EngineError, match="SIGSEGV"):
        drain(engine, [ask(row) for row in range(1000)], 512)
    assert replay.started <= 15
    with pytest.raises(EngineError, match="SIGSEGV"):
        engine.poll(0)


def test_an_engine_that_breaks_in_the_middle_is_an_error_too() -> None:
    engine, replay = supervise(poisoned(range(100, 1000)))
    with pytest.raises(EngineError, match="SIGSEGV"):
        drain(engine, [ask(row) for row in range(1000)], 64)
    assert replay.started <= 25


class NeverReady(ReplayEngine):
    """Fails before it is ready, `failures` times."""

    def __init__(self, failures: int, error: Exception) -> None:
        super().__init__(echo)
        self.failures, self.error = failures, error

    def poll(self, timeout: float) -> list[Completion]:
        if self.failures:
            self.failures -= 1
            self._is_ready = False
            self._pending.clear()
            raise self.error
        return super().poll(timeout)

    def start(self) -> None:
        super().start()
        self._is_ready = not self.failures


def test_an_engine_that_fails_twice_to_start_is_started_a_third_time_and_blames_no_request() -> None:
    engine = SupervisedEngine(NeverReady(2, EngineError("no memory")), backoff=AT_ONCE)
    done = drain(engine, [ask(0)])
    assert done[0].response is not None
    assert 2 == engine.counters()["engine_restarts"]


def test_an_engine_that_fails_three_times_to_start_is_an_error() -> None:
    engine = SupervisedEngine(NeverReady(3, EngineError("no memory")), backoff=AT_ONCE)
    with pytest.raises(EngineError, match="no memory"):
        drain(engine, [ask(0)])


def test_what_a_new_start_cannot_mend_is_raised_at_once() -> None:
    inner = NeverReady(1, CheckpointError("there are no weights"))
    with pytest.raises(CheckpointError):
        drain(SupervisedEngine(inner, backoff=AT_ONCE), [ask(0)])
    assert 1 == inner.started


def test_a_request_that_cannot_be_answered_is_no_death() -> None:
    def answer(request: EngineRequest) -> Response:
        raise RequestError("too long")

    engine, replay = supervise(answer)
    assert "too long" == drain(engine, [ask(0)])[0].error
    assert 1 == replay.started


def test_a_cancelled_request_comes_back_no_more() -> None:
    engine, _ = supervise(echo)
    engine.start()
    engine.submit([ask(0), ask(1)])
    engine.cancel([0, 7])
    assert [1] == [completion.row for completion in engine.poll(0)]


def test_the_engine_is_not_started_before_the_wait_is_over() -> None:
    now = 0.0
    replay = ReplayEngine(poisoned({0}))
    engine = SupervisedEngine(replay, backoff=Backoff(first=100.0, longest=100.0), clock=lambda: now)
    engine.start()
    engine.submit([ask(0)])
    assert [] == engine.poll(0)
    engine.start()
    assert [] == engine.poll(0)
    assert 1 == replay.started
    now = 100.0
    assert [] == engine.poll(0)
    assert 2 == replay.started


def test_waits_double_up_to_a_limit_half_of_each_by_chance_and_begin_anew_after_a_success() -> None:
    backoff = Backoff(first=1.0, longest=8.0, random=Random(0))
    for most in (1.0, 2.0, 4.0, 8.0, 8.0):
        assert most / 2 <= backoff.next() <= most
    backoff.reset()
    assert backoff.next() <= 1.0
