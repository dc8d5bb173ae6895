"""`SupervisedEngine`: an engine that is started again when it dies or hangs, and loses no healthy request by it."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from fasteval.api.request import Completion
from fasteval.errors import EngineError
from fasteval.models.backoff import Backoff
from fasteval.models.engine import EngineWrapper
from fasteval.models.suspects import Suspects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fasteval.api.request import EngineRequest
    from fasteval.models.engine import Engine

__all__ = ["SupervisedEngine"]

logger = logging.getLogger(__name__)

# How often in a row an engine may fail before it is ready.
_MAX_FAILED_STARTS = 3


class SupervisedEngine(EngineWrapper):
    """Each request gets exactly one completion, however often the engine dies.

    After a death the engine is started again, after a while, and what it had in hand goes again. A request that it dies
    of repeatedly is found (see `Suspects`) and gets an error completion. What a new start cannot mend is raised: a
    checkpoint that cannot be loaded, an argument that is refused, an engine that fails three times before it is ready,
    and one that dies of five requests in a row.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
        suspects: Suspects | None = None,
    ) -> None:
        """Supervises `engine`, whose `start` must make it anew after `poll` has raised an `EngineError`."""
        super().__init__(engine)
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._held: dict[int, EngineRequest] = {}  # what the caller waits for, in the order in which it came
        self._inside: dict[int, None] = {}  # what the engine has of it
        self._outside: dict[int, None] = {}  # and what it is still to be given
        self._condemned: list[Completion] = []
        self._suspects = suspects or Suspects()
        self._was_ready = False
        self._failed_starts = 0
        self._restart_at: float | None = None
        self._failure: EngineError | None = None
        self._counters = {"engine_restarts": 0.0, "requests_resent": 0.0, "requests_given_up": 0.0}

    def start(self) -> None:
        """Starts the engine; does nothing while it is to be started again by itself."""
        if self._restart_at is None and self._failure is None:
            self._engine.start()

    def submit(self, requests: Sequence[EngineRequest]) -> None:
        """Takes requests; they are handed on as soon as there is an engine that may have them."""
        for request in requests:
            self._held[request.row] = request
            self._outside[request.row] = None
            self._suspects.add(request.row, (medium.content_id for medium in request.media))
        self._hand_on()

    @property
    def takes_more(self) -> bool:
        """Whether it would hand a request on at once: it is loaded, and tries no suspects."""
        return self.is_ready and self._restart_at is None and not self._suspects.trial()

    def pass_on(self) -> list[int]:
        """Forgets, and returns, what waits here for a start or a trial to be over: another engine may answer it."""
        rows = [row for row in self._outside if self._suspects.pass_on(row)]
        for row in rows:
            del self._held[row], self._outside[row]
        return rows

    def poll(self, timeout: float) -> list[Completion]:
        """Returns what is complete, waiting at most `timeout` seconds for the first one.

        Raises:
            EngineError: the engine has failed in a way that starting it again does not mend.
            CheckpointError: the model cannot be loaded.
            UsageError: the engine refuses an argument.
            UnsupportedError: the engine cannot honour what was asked.
        """
        if self._failure is not None:
            raise self._failure
        if self._restart_at is not None and not self._restart(timeout):
            return []
        self._hand_on()
        if self._condemned:
            completions, self._condemned = self._condemned, []
            return completions
        self._was_ready = self._was_ready or self._engine.is_ready
        try:
            completions = self._engine.poll(timeout)
        except EngineError as error:
            return self._recover(error)
        completions = [completion for completion in completions if completion.row in self._held]
        for completion in completions:
            self._settle(completion)
        return completions

    def cancel(self, rows: Iterable[int]) -> None:
        """Gives requests up; none of their completions comes any more."""
        unwanted = [row for row in rows if row in self._held]
        for row in unwanted:
            del self._held[row]
            self._inside.pop(row, None)
            self._outside.pop(row, None)
            self._suspects.remove(row)
        self._engine.cancel(unwanted)

    def counters(self) -> dict[str, float]:
        """Returns what the engine counted, and `engine_restarts`, `requests_resent` and `requests_given_up`."""
        return self._engine.counters() | self._counters

    def _hand_on(self) -> None:
        """Gives the engine what it may have: everything, or the next trial once it has nothing else in hand."""
        if self._restart_at is not None:
            return
        trial = self._suspects.trial()
        if trial and self._inside:
            return
        if trial and self._suspects.is_condemned(trial[0]):
            self._give_up(trial[0], "its picture has ended the engine with other requests")
            return
        rows = trial or list(self._outside)
        for row in rows:
            del self._outside[row]
            self._inside[row] = None
        if rows:
            self._engine.submit([self._held[row] for row in rows])

    def _settle(self, completion: Completion) -> None:
        """Takes a request that the engine has answered off the books; an error of its own is an answer, too."""
        del self._held[completion.row]
        self._inside.pop(completion.row, None)
        self._suspects.clear(completion.row)
        if self._was_ready:  # what cannot be rendered comes back before there is an engine
            self._backoff.reset()

    def _give_up(self, row: int, reason: str) -> None:
        del self._held[row]
        self._outside.pop(row, None)
        self._suspects.remove(row)
        self._counters["requests_given_up"] += 1
        self._condemned.append(Completion(row, error=f"given up: {reason}"))
        logger.warning("a request is given up: %s", reason)

    def _recover(self, error: EngineError) -> list[Completion]:
        """Finds out what the engine's death says of its requests, and plans the next start.

        Returns:
            The completion of a request that is given up.
        """
        inside, self._inside = list(self._inside), {}
        if self._was_ready:
            self._failed_starts = 0
            guilty = self._suspects.died(inside)
            if guilty is not None:
                inside.remove(guilty)
                self._give_up(guilty, f"the engine ends whenever it is asked this: {error}")
            if self._suspects.trial():
                self._backoff.reset()  # the deaths of trials are expected
        else:
            self._failed_starts += 1
        self._was_ready = False
        if self._failed_starts >= _MAX_FAILED_STARTS or self._suspects.is_hopeless:
            self._failure = error
            raise error
        self._outside = dict.fromkeys([*inside, *self._outside])
        delay = self._backoff.next()
        self._restart_at = self._clock() + delay
        self._counters["requests_resent"] += len(inside)
        logger.warning("%s; it starts again in %.1f s, and %d requests go again", error, delay, len(inside))
        completions, self._condemned = self._condemned, []
        return completions

    def _restart(self, timeout: float) -> bool:
        """Starts the engine again if it is time, waiting for at most `timeout` seconds; returns whether it did."""
        wait = (self._restart_at or 0.0) - self._clock()
        if wait > 0:
            time.sleep(min(wait, timeout))
            if wait > timeout:
                return False
        self._restart_at = None
        self._counters["engine_restarts"] += 1
        self._engine.start()
        return True
