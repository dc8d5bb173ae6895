"""Skewed work on two replicas: pulled from one queue, and dealt out as static shards, beside the ideal split.

`python -m benchmarks.skewed_work` prints a table. Half of the requests, one shard, take ten times as long as the
others. The engines replay answers and only pretend to work: like an engine with continuous batching they have some
requests under way at a time, and each takes its own while.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from contextlib import closing
from itertools import cycle
from typing import TYPE_CHECKING

import click

from fasteval.api.prompt import Prompt
from fasteval.api.request import Completion, EngineRequest, Kind, Response
from fasteval.distributed.replicated import ReplicatedEngine
from fasteval.models.engine import Capabilities
from fasteval.models.replay import ReplayEngine
from fasteval.models.supervised import SupervisedEngine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fasteval.models.engine import Engine

__all__ = ["PacedEngine", "ideal", "pulled", "pushed", "skewed"]

_SLOTS, _WINDOW = 8, 64
_SLOW, _FAST = 0.05, 0.005


class PacedEngine(ReplayEngine):
    """Has `slots` requests under way at a time; each takes as many seconds as its prompt says."""

    def __init__(self, *, slots: int = _SLOTS, window: int = _WINDOW) -> None:
        """Begins idle."""
        super().__init__(lambda _request: Response(("",)), capabilities=Capabilities(window=window))
        self._slots = slots
        self._waiting: deque[EngineRequest] = deque()
        self._under_way: list[tuple[float, int]] = []  # when each is done, and its row
        #: Seconds of work that it has done.
        self.work = 0.0

    def submit(self, requests: Sequence[EngineRequest]) -> None:
        """Takes requests, and begins with as many as it has slots for."""
        self._waiting += requests
        self._begin(time.monotonic())

    def _begin(self, now: float) -> None:
        while self._waiting and len(self._under_way) < self._slots:
            request = self._waiting.popleft()
            self.work += _duration(request)
            heapq.heappush(self._under_way, (now + _duration(request), request.row))

    def poll(self, timeout: float) -> list[Completion]:
        """Returns what is done by now, waiting for the first one."""
        if self._under_way:
            time.sleep(max(0.0, min(timeout, self._under_way[0][0] - time.monotonic())))
        done = []
        while self._under_way and self._under_way[0][0] <= time.monotonic():
            end, row = heapq.heappop(self._under_way)
            done.append(Completion(row, Response(("",))))
            self._begin(end)  # a slot is free from then on, not from when somebody looks
        return done


def skewed(total: int, *, slow_first: bool = True) -> list[EngineRequest]:
    """Returns the requests: one half is slow, as when one shard of a data set has the long documents."""
    durations = [_SLOW] * (total // 2) + [_FAST] * (total - total // 2)
    texts = [f"{seconds} {row}" for row, seconds in enumerate(durations if slow_first else reversed(durations))]
    return [EngineRequest(row, Kind.GENERATE_UNTIL, Prompt(text=text)) for row, text in enumerate(texts)]


def _duration(request: EngineRequest) -> float:
    return float((request.prompt.text or "0").split()[0])


def ideal(requests: Iterable[EngineRequest], replicas: int) -> float:
    """Returns the seconds that the work takes if no slot ever waits."""
    return sum(map(_duration, requests)) / (replicas * _SLOTS)


def pulled(requests: Sequence[EngineRequest], replicas: int) -> tuple[float, list[float]]:
    """Returns the seconds that replicas with one queue take, and the seconds of work that each has done."""
    engines = [PacedEngine() for _ in range(replicas)]
    engine = ReplicatedEngine([SupervisedEngine(each) for each in engines])
    return _run(engine, requests), [each.work / _SLOTS for each in engines]


def pushed(requests: Sequence[EngineRequest], replicas: int) -> tuple[float, list[float]]:
    """Returns the same for static shards: whoever has the longest decides."""
    size = -(-len(requests) // replicas)
    shards = [requests[start : start + size] for start in range(0, len(requests), size)]
    seconds = [pulled(shard, 1)[0] for shard in shards]
    return max(seconds), [sum(map(_duration, shard)) / _SLOTS for shard in shards]


def _run(engine: Engine, requests: Sequence[EngineRequest]) -> float:
    """Feeds an engine as a run does, from a bounded window; returns the seconds that it took."""
    window, left, in_flight = engine.capabilities().window, deque(requests), 0
    with closing(engine):
        engine.start()
        started = time.monotonic()
        for _ in cycle([None]):
            portion = [left.popleft() for _ in range(min(len(left), window - in_flight))]
            if portion:
                engine.submit(portion)
            in_flight += len(portion)
            if not in_flight:
                break
            in_flight -= len(engine.poll(0.1))
        return time.monotonic() - started


@click.command()
@click.option("--total", default=800, show_default=True, help="Requests.")
@click.option("--replicas", default=2, show_default=True)
def main(total: int, replicas: int) -> None:
    """Prints how long the work takes each way, and how much of it each replica has done."""
    best = ideal(skewed(total), replicas)
    print(f"{total} requests, half of them {_SLOW / _FAST:.0f} times as long; {replicas} replicas; ideal {best:.2f} s")
    print("| way | s | of the ideal | work of each replica (s) |\n|---|---|---|---|")
    for order, slow_first in (("first", True), ("last", False)):
        requests = skewed(total, slow_first=slow_first)
        for name, way in (("pulled from one queue", pulled), ("static shards", pushed)):
            seconds, work = way(requests, replicas)
            shares = ", ".join(f"{part:.2f}" for part in work)
            print(f"| {name}, the slow half {order} | {seconds:.2f} | {seconds / best:.2f} | {shares} |")


if __name__ == "__main__":
    main()
