"""`Outbox`: what an engine's own threads have to say to its caller: answers, and at last perhaps a failure."""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fasteval.api.request import Completion
    from fasteval.errors import FastEvalError

__all__ = ["Outbox"]


class Outbox:
    """Any thread may put something in; one thread polls."""

    def __init__(self) -> None:
        """Begins empty."""
        self._queue: queue.SimpleQueue[list[Completion] | FastEvalError] = queue.SimpleQueue()
        self._failure: FastEvalError | None = None

    def put(self, *completions: Completion) -> None:
        """Hands answers over."""
        self._queue.put(list(completions))

    def fail(self, error: FastEvalError) -> None:
        """Has `poll` raise `error` once everything that was put in before is taken, and ever after."""
        self._queue.put(error)

    def poll(self, timeout: float) -> list[Completion]:
        """Returns what is complete, waiting at most `timeout` seconds for the first one."""
        completions: list[Completion] = []
        deadline = time.monotonic() + timeout
        while self._failure is None:
            try:
                done = self._queue.get(timeout=0.0 if completions else max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return completions
            if isinstance(done, list):
                completions += done
            else:
                self._failure = done
        if completions:  # they are answers all the same; the next call raises
            return completions
        raise self._failure
