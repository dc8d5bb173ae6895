"""`ReplicatedEngine`: several engines of one model that pull from one queue; the engine protocol on top of them."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from fasteval.api.request import Kind
from fasteval.distributed.queue import WorkQueue
from fasteval.errors import EngineError, FastEvalError
from fasteval.models.engine import EngineWrapper
from fasteval.models.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from fasteval.api.request import Completion, EngineRequest
    from fasteval.models.engine import Capabilities
    from fasteval.models.supervised import SupervisedEngine

__all__ = ["ReplicatedEngine"]

logger = logging.getLogger(__name__)

# A replica with something in hand looks so often, in seconds, whether it may have more; an idle one is woken.
_POLL_SECONDS, _IDLE_SECONDS = 0.05, 1.0


class ReplicatedEngine(EngineWrapper):
    """Each replica has a thread that pulls work from the queue whenever the replica has room (`_turn`).

    Replicas are stateless: when one dies, what it had in hand goes to the others while it starts again, except for
    requests that are suspected of its death (see `Suspects`). One that cannot be started, or dies of everything, is
    left out; the last one's failure is the engine's. A slow or hanging replica holds up neither the front nor another.
    """

    def __init__(self, engines: Sequence[SupervisedEngine], *, on_close: Callable[[], None] = lambda: None) -> None:
        """Takes the replicas, none of them started; `on_close` is called when all of them are closed."""
        super().__init__(engines[0])  # which says what all of them are
        self._engines = list(engines)
        self._window = engines[0].capabilities().window
        self._queue = WorkQueue(len(engines), self._window)
        self._held: dict[int, EngineRequest] = {}
        self._orders: list[list[Callable[[], None]]] = [[] for _ in engines]
        self._outbox = Outbox()
        self._alive = set(range(len(engines)))
        self._threads: list[threading.Thread] = []
        self._is_closing = False
        self._on_close = on_close
        self._passed_on = 0
        # Guards all of the above; notified when there is something new to do.
        self._changed = threading.Condition()

    def capabilities(self) -> Capabilities:
        """Returns what one engine can do; the window is so wide that what waits is enough to choose from."""
        return replace(self._engine.capabilities(), window=2 * len(self._engines) * self._window)

    def start(self) -> None:
        """Starts all replicas; returns at once."""
        if not self._threads:
            for number in range(len(self._engines)):
                thread = threading.Thread(target=self._serve, args=(number,), name=f"replica {number}", daemon=True)
                self._threads.append(thread)
                thread.start()

    @property
    def is_ready(self) -> bool:
        """Whether a replica is loaded."""
        return any(engine.is_ready for engine in self._engines)

    def submit(self, requests: Sequence[EngineRequest]) -> None:
        """Puts requests into the queue; the choices of a question stay together."""
        with self._changed:
            for _, bundle in groupby(requests, _question):
                rows = {request.row: request for request in bundle}
                self._held.update(rows)
                self._queue.add(rows, _family(next(iter(rows.values()))))
            self._changed.notify_all()

    def poll(self, timeout: float) -> list[Completion]:
        """Returns what is complete, waiting at most `timeout` seconds for the first one.

        Raises:
            FastEvalError: no replica is left, or one says what all of them would say.
        """
        return self._outbox.poll(timeout)

    def cancel(self, rows: Iterable[int]) -> None:
        """Gives requests up; none of their completions is reported any more."""
        with self._changed:
            unwanted = [row for row in rows if self._held.pop(row, None) is not None]
            self._queue.drop(unwanted)
            self._order(lambda engine: engine.cancel(unwanted))

    def counters(self) -> dict[str, float]:
        """Returns the sums of what the replicas counted; `requests_passed_on` are those that another one had first."""
        total: Counter[str] = Counter()
        for engine in self._engines:
            total.update(engine.counters())
        return {**total, "replicas": float(len(self._engines)), "requests_passed_on": float(self._passed_on)}

    def reset_caches(self) -> None:
        """Has every replica forget prefixes and processed media before it takes another request."""
        with self._changed:
            self._order(lambda engine: engine.reset_caches())

    def close(self) -> None:
        """Stops all replicas at the same time; may be called twice."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._threads = []
        self._on_close()
        self._on_close = lambda: None

    def _order(self, order: Callable[[SupervisedEngine], None]) -> None:
        """Has each replica's own thread do something: engines are not used by two threads."""
        for engine, orders in zip(self._engines, self._orders, strict=True):
            orders.append(lambda engine=engine: order(engine))  # type: ignore[misc]  # a bound default
        self._changed.notify_all()

    def _serve(self, number: int) -> None:
        """A replica's thread."""
        engine = self._engines[number]
        try:
            engine.start()
            while self._turn(number, engine):
                pass
        except FastEvalError as error:
            self._retire(number, error)
        except Exception as error:  # noqa: BLE001 - the front must hear of it, whatever it is
            self._retire(number, EngineError(f"replica {number} failed: {type(error).__name__}: {error}"))
        finally:
            engine.close()

    def _turn(self, number: int, engine: SupervisedEngine) -> bool:
        """Pulls what the replica has room for, and hands over what it has answered; returns whether to go on."""
        with self._changed:
            rows = self._queue.take(number) if engine.takes_more else []
            if not rows and engine.takes_more and not self._queue.in_hand(number) and not self._orders[number]:
                self._changed.wait(_IDLE_SECONDS)
            requests = [self._held[row] for row in rows]
            orders, self._orders[number] = self._orders[number], []
            has_work = bool(self._queue.in_hand(number)) or not engine.is_ready
            if self._is_closing:
                return False
        for order in orders:
            order()
        if requests:
            engine.submit(requests)
        completions = engine.poll(_POLL_SECONDS if has_work else 0.0)
        passed_on = engine.pass_on()
        with self._changed:
            completions = [completion for completion in completions if completion.row in self._held]
            for completion in completions:
                del self._held[completion.row]
                self._queue.settle(number, completion.row)
            if passed_on:
                self._give_back(number, passed_on)
        if completions:
            self._outbox.put(*completions)
        return True

    def _give_back(self, number: int, rows: Iterable[int]) -> None:
        """Puts requests of a replica back into the queue, before all others."""
        held = [row for row in rows if row in self._held]
        self._queue.give_back(number, held)
        self._passed_on += len(held)
        self._changed.notify_all()

    def _retire(self, number: int, error: FastEvalError) -> None:
        """Leaves a replica out for the rest of the run, or fails if the others would, too, or there are none."""
        with self._changed:
            self._alive.discard(number)
            if self._alive and isinstance(error, EngineError):
                self._give_back(number, list(self._queue.in_hand(number)))
                logger.warning("replica %d of %d is left out: %s", number, len(self._engines), error)
            else:
                self._outbox.fail(error)


def _family(request: EngineRequest) -> Hashable:
    """Returns what requests have in common that should be answered by the same replica: media, or else the prompt."""
    return tuple(medium.content_id for medium in request.media) or request.prompt.encode()


def _question(request: EngineRequest) -> Any:
    """Returns what only requests have in common that score continuations of one prompt."""
    return (request.prompt, request.media) if request.kind == Kind.LOGLIKELIHOOD else request.row
