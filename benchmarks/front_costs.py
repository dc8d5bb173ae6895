"""What a request costs the front process, measured with the code that does it: the simulation of large clusters."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.data import generation_task
from fasteval.api.prompt import Prompt, user_message
from fasteval.api.request import Completion, EngineRequest, Kind, Response
from fasteval.distributed.queue import WorkQueue
from fasteval.distributed.replicated import ReplicatedEngine
from fasteval.evaluation import RunSettings, evaluate
from fasteval.models.checkpoint.chat_template import ChatTemplate
from fasteval.models.engine_config import EngineConfig
from fasteval.models.host.engine import HostEngine
from fasteval.models.host.wire import decode_completions, encode_completions, encode_requests
from fasteval.models.named import NAMED
from fasteval.models.replay import ReplayEngine
from fasteval.models.supervised import SupervisedEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["FrontCosts", "measure_costs"]

_BATCH = 32
_ANSWER = Response(texts=("a short answer",), prompt_tokens=60, output_tokens=4, finish_reason="stop")


@dataclass(frozen=True, slots=True)
class FrontCosts:
    """Processor seconds of the front process.

    Attributes:
        plan: a request, compiled and planned before anything is sent.
        send: a request, loaded from the table and handed to the engine.
        settle: a request, from its completion to its score: the cache's append, filters, metric.
        queue: a request, through the queue of the replicas.
        wire: a request, rendered by its chat template and encoded; and its completion, decoded.
        turn: one look at one replica that has nothing to say.
    """

    plan: float
    send: float
    settle: float
    queue: float
    wire: float
    turn: float

    @property
    def answer(self) -> float:
        """A request on its whole way once it was planned."""
        return self.send + self.settle + self.queue + self.wire

    def rows(self) -> list[tuple[str, str]]:
        """Returns (what, microseconds) for a table."""
        return [(name, f"{seconds * 1e6:.1f}") for name, seconds in {**asdict(self), "answer": self.answer}.items()]


def measure_costs(documents: int = 20_000) -> FrontCosts:
    """Returns the costs on this machine, each the best of three."""
    runs = [_run(documents) for _ in range(3)]
    plan, send, settle = (min(run[part] for run in runs) for part in range(3))
    return FrontCosts(
        plan=plan,
        send=send,
        settle=settle,
        queue=_best(lambda: _through_the_queue(documents)),
        wire=_best(lambda: _over_the_wire(documents // 4)),
        turn=_best(_turns),
    )


def _best(measure: Callable[[], float]) -> float:
    return min(measure() for _ in range(3))


class _Noting(ReplayEngine):
    """Notes the processor time of its start and of its first requests."""

    times: dict[str, float]

    def start(self) -> None:
        if not self.started:
            self.times = {"start": time.process_time()}
        super().start()

    def submit(self, requests: Sequence[EngineRequest]) -> None:
        self.times.setdefault("submit", time.process_time())
        super().submit(requests)


def _run(documents: int) -> tuple[float, float, float]:
    """Returns the costs of planning, sending and settling a request, by a run in which all are sent at once."""
    folder, engine = generation_task(documents), _Noting(lambda _request: _ANSWER)
    with tempfile.TemporaryDirectory() as cache:
        started = time.process_time()
        settings = RunSettings(
            model=engine,
            tasks=("bench_generation",),
            include_path=(str(folder),),
            use_cache=Path(cache),
            window=documents,
            report=False,
        )
        evaluate(settings)
        ended = time.process_time()
    steps = (engine.times["start"] - started, engine.times["submit"] - engine.times["start"])
    return steps[0] / documents, steps[1] / documents, (ended - engine.times["submit"]) / documents


def _through_the_queue(requests: int) -> float:
    work = WorkQueue(64, 256)
    started = time.process_time()
    for row in range(requests):
        work.add((row,), row // 4)
    replica = 0
    while work.outstanding:
        for row in work.take(replica):
            work.settle(replica, row)
        replica = (replica + 1) % 64
    return (time.process_time() - started) / requests


def _over_the_wire(requests: int) -> float:
    checkpoint = NAMED["demo"].checkpoint
    template = ChatTemplate.of_checkpoint(Path(str(checkpoint)))
    if template is None:
        raise RuntimeError("the demo model has lost its chat template")
    engine = HostEngine(EngineConfig("vllm", Path(str(checkpoint))), render=template.render)
    prompt = Prompt(messages=[user_message("What is in the picture? " * 8, with_visuals=False)])
    several = [EngineRequest(row, Kind.GENERATE_UNTIL, prompt) for row in range(requests)]
    answers = encode_completions([Completion(row, _ANSWER) for row in range(_BATCH)], {"engine_steps": 1.0})
    started = time.process_time()
    for first in range(0, requests, _BATCH):
        encode_requests([engine._convert(request) for request in several[first : first + _BATCH]])
        decode_completions(answers)
    return (time.process_time() - started) / requests


class _Busy(ReplayEngine):
    """Has requests in hand and never completes one."""

    def poll(self, timeout: float) -> list[Completion]:
        self._is_ready = True
        time.sleep(timeout)
        return []


def _turns(replicas: int = 64, seconds: float = 2.0) -> float:
    engine = ReplicatedEngine([SupervisedEngine(_Busy(lambda _request: _ANSWER)) for _ in range(replicas)])
    engine.submit(
        [EngineRequest(row, Kind.GENERATE_UNTIL, Prompt(text=f"question {row}")) for row in range(64 * replicas)]
    )
    engine.start()
    engine.poll(0.5)  # by then each has its share
    started, moment = time.process_time(), time.monotonic()
    engine.poll(seconds)
    spent, passed = time.process_time() - started, time.monotonic() - moment
    engine.close()
    return spent / (replicas * passed * 20)  # each looks every 0.05 s
