"""Replicas that pull from one queue: each request gets exactly one completion, however they die."""

from __future__ import annotations

import logging
import threading
from contextlib import closing
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fasteval.api.prompt import Prompt
from fasteval.api.request import Completion, EngineRequest, Kind, Response
from fasteval.distributed.replicated import ReplicatedEngine
from fasteval.errors import CheckpointError, EngineError
from fasteval.media import Media, to_media
from fasteval.models.backoff import Backoff
from fasteval.models.engine import Capabilities
from fasteval.models.replay import ReplayEngine
from fasteval.models.supervised import SupervisedEngine
from fasteval.models.suspects import Suspects
from tests.stubs import echo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Answer = Callable[[EngineRequest], Response]


def replicas(*answers: Answer, window: int = 16) -> tuple[ReplicatedEngine, list[ReplayEngine]]:
    engines = [ReplayEngine(answer, capabilities=Capabilities(window=window)) for answer in answers]
    first = Suspects()
    supervised = [
        SupervisedEngine(engine, backoff=Backoff(first=0.0), suspects=Suspects(first) if number else first)
        for number, engine in enumerate(engines)
    ]
    return ReplicatedEngine(supervised), engines


def ask(row: int, *media: Media, text: str | None = None) -> EngineRequest:
    return EngineRequest(row, Kind.GENERATE_UNTIL, Prompt(text=text or str(row)), media=media)


def drain(engine: ReplicatedEngine, requests: Sequence[EngineRequest]) -> dict[int, Completion]:
    """Returns all completions by row; fails if one comes twice or does not come."""
    done: dict[int, Completion] = {}
    with closing(engine):
        engine.start()
        for start in range(0, len(requests), 7):
            engine.submit(requests[start : start + 7])
        for _ in range(2000):
            for completion in engine.poll(0.05):
                assert completion.row not in done
                done[completion.row] = completion
            if len(done) == len(requests):
                assert [] == engine.poll(0.0)
                return done
    raise AssertionError(f"{len(requests) - len(done)} requests never came back")


def dying(seed: int, deaths: list[int], most: int) -> Answer:
    """Returns an answer that the engine dies of now and then, until `deaths` has as many as it may."""
    draw = Random(seed)

    def answer(request: EngineRequest) -> Response:
        if len(deaths) < most and draw.random() < 0.1:
            deaths.append(request.row)
            raise EngineError("killed by SIGKILL")
        return echo(request)

    return answer


@settings(max_examples=60)
@given(st.integers(1, 80), st.integers(1, 4), st.integers(0, 1000), st.sampled_from([2, 1000]))
def test_each_request_is_answered_once_however_replicas_die(total: int, count: int, seed: int, most: int) -> None:
    deaths: list[int] = []
    engine, _ = replicas(*(dying(seed + number, deaths, most) for number in range(count)))
    done = drain(engine, [ask(row) for row in range(total)])
    assert list(range(total)) == sorted(done)
    given_up = {row for row, completion in done.items() if completion.response is None}
    assert given_up <= set(deaths)
    assert not given_up or most > 2  # two deaths prove nothing
    assert all(done[row].response == echo(ask(row)) for row in done.keys() - given_up)


@settings(max_examples=25)
@given(total=st.integers(4, 60), poison=st.sets(st.integers(0, 59), max_size=2), count=st.integers(1, 3))
def test_a_request_that_kills_every_replica_is_found_and_no_healthy_one_is_lost(
    total: int, poison: set[int], count: int
) -> None:
    poison = {row for row in poison if row < total}

    def answer(request: EngineRequest) -> Response:
        if request.row in poison:
            raise EngineError("killed by SIGSEGV")
        return echo(request)

    engine, _ = replicas(*[answer] * count)
    done = drain(engine, [ask(row) for row in range(total)])
    assert poison == {row for row, completion in done.items() if completion.response is None}


def test_what_a_dead_replica_had_in_hand_is_answered_by_the_other_while_it_restarts() -> None:
    is_dead = threading.Event()

    def first(request: EngineRequest) -> Response:
        is_dead.set()
        raise EngineError("killed by SIGKILL")

    def second(request: EngineRequest) -> Response:
        assert is_dead.wait(10)
        return echo(request)

    dead, alive = ReplayEngine(first), ReplayEngine(second)
    engine = ReplicatedEngine([SupervisedEngine(dead, backoff=Backoff(first=1000.0)), SupervisedEngine(alive)])
    done = drain(engine, [ask(row) for row in range(40)])
    assert {row: echo(ask(row)) for row in range(40)} == {row: answer.response for row, answer in done.items()}
    assert 1 == dead.started
    assert len(dead.requests) == engine.counters()["requests_passed_on"] > 0


def test_a_replica_that_cannot_start_is_left_out_and_said_so(caplog: pytest.LogCaptureFixture) -> None:
    tries, is_hopeless = iter(range(100)), threading.Event()

    class Broken(ReplayEngine):
        is_ready = False

        def poll(self, timeout: float) -> list[Completion]:
            if next(tries) == 2:
                is_hopeless.set()
            raise EngineError("not enough memory")

    def answer(request: EngineRequest) -> Response:
        assert is_hopeless.wait(10)
        return echo(request)

    broken = SupervisedEngine(Broken(echo), backoff=Backoff(first=0.0))
    engine = ReplicatedEngine([broken, SupervisedEngine(ReplayEngine(answer))])
    with caplog.at_level(logging.WARNING):
        assert 20 == len(drain(engine, [ask(row) for row in range(20)]))
        assert any("replica 0 of 2 is left out: not enough memory" in line for line in caplog.messages)


def test_the_failure_of_the_last_replica_is_the_engines() -> None:
    def answer(request: EngineRequest) -> Response:
        raise EngineError("killed by SIGSEGV")

    engine, _ = replicas(answer, answer)
    with pytest.raises(EngineError, match="SIGSEGV"):
        drain(engine, [ask(row) for row in range(200)])


def test_what_all_replicas_would_say_is_said_by_one() -> None:
    class Loading(ReplayEngine):
        is_ready = False

    class Broken(Loading):
        def poll(self, timeout: float) -> list[Completion]:
            raise CheckpointError("no weights")

    engine = ReplicatedEngine([SupervisedEngine(Loading(echo)), SupervisedEngine(Broken(echo))])
    with pytest.raises(CheckpointError, match="no weights"):
        drain(engine, [ask(0)])


def test_a_fault_of_our_own_in_a_replica_is_an_error_and_no_silence() -> None:
    def answer(request: EngineRequest) -> Response:
        raise ZeroDivisionError("oops")

    engine, _ = replicas(answer)
    with pytest.raises(EngineError, match="replica 0 failed: ZeroDivisionError: oops"):
        drain(engine, [ask(0)])


def test_requests_that_show_one_picture_go_to_one_replica() -> None:
    pictures = [to_media(Image.new("RGB", (2, 2), (number, 0, 0))) for number in range(40)]
    engine, engines = replicas(echo, echo, window=64)
    drain(engine, [ask(row, pictures[row % 40]) for row in range(200)])
    seen = [{medium for request in each.requests for medium in request.media} for each in engines]
    assert 200 == sum(len(each.requests) for each in engines)
    assert len(seen[0]) + len(seen[1]) <= 40 + 4  # but where one would have been idle


def test_choices_of_a_question_reach_a_replica_together() -> None:
    class Submissions(ReplayEngine):
        def submit(self, requests: Sequence[EngineRequest]) -> None:
            together.extend({request.row // 4 for request in requests})
            super().submit(requests)

    together: list[int] = []
    engine = ReplicatedEngine([SupervisedEngine(Submissions(echo)) for _ in range(3)])
    requests = [
        EngineRequest(row, Kind.LOGLIKELIHOOD, Prompt(text=f"question {row // 4}"), f"choice {row % 4}")
        for row in range(28)
    ]
    drain(engine, requests)  # in portions of seven, which tear one question in two apart
    assert len(together) <= 7 + 4


def test_a_cancelled_request_is_not_reported() -> None:
    engine, _ = replicas(echo)
    with closing(engine):
        engine.submit([ask(0), ask(1)])
        engine.cancel([0])
        engine.start()
        completions: list[Completion] = []
        for _ in range(100):
            completions += engine.poll(0.05)
            if completions:
                break
        assert [1] == [completion.row for completion in completions]


def test_caches_are_reset_before_the_next_request() -> None:
    calls: list[str] = []

    class Traced(ReplayEngine):
        def reset_caches(self) -> None:
            calls.append("reset")

        def submit(self, requests: Sequence[EngineRequest]) -> None:
            calls.append("submit")
            super().submit(requests)

    engine = ReplicatedEngine([SupervisedEngine(Traced(echo))])
    engine.reset_caches()
    drain(engine, [ask(0)])
    assert ["reset", "submit"] == calls


def test_the_window_holds_enough_for_all_replicas_and_the_model_is_the_same() -> None:
    one, _ = replicas(echo, window=8)
    three, _ = replicas(echo, echo, echo, window=8)
    assert (16, 48) == (one.capabilities().window, three.capabilities().window)
    assert one.fingerprint() == three.fingerprint()
