"""The engine host's program: takes requests from the front, keeps the backend full, sends completions back."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import time
import traceback
from collections import deque
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from fasteval.api.request import Completion, Kind
from fasteval.errors import RequestError
from fasteval.models.engine import HOST
from fasteval.models.engine_config import EngineConfig
from fasteval.models.host.link import HostLink, LinkHandler, end_process
from fasteval.models.host.media_decoder import MediaDecoder, MediaInHand
from fasteval.models.host.wire import decode_requests, encode_completions, encode_failure
from fasteval.models.vllm.amx import request_amx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fasteval.models.host.backend import Backend
    from fasteval.models.host.wire import Frame, HostRequest

__all__ = ["Worker", "load_backend", "main"]

# How many of the requests that wait have their pictures decoded already.
_LOOKAHEAD = 32


class Worker:
    """The loop between the wire and the backend."""

    def __init__(self, backend: Backend, link: HostLink, decoder: MediaDecoder, *, joins_choices: bool = True) -> None:
        """Begins with nothing in hand; `joins_choices` hands the choices of one prompt to the backend together."""
        self._backend, self._link, self._decoder = backend, link, decoder
        self._queue: deque[HostRequest] = deque()
        self._failed: list[Completion] = []
        self._is_resetting = False
        self._joins_choices, self._in_hand = joins_choices, MediaInHand()
        self._times = {"rendering": 0.0, "model": 0.0}
        self._before = self._totals()  # what was counted for an earlier engine of the front's

    def run(self) -> Frame:
        """Works until the front says `shutdown`, or `configure` again; returns that message.

        What is in hand then is given up: nobody waits for it any more.
        """
        while True:
            is_idle = not (self._queue or self._backend.unfinished or self._failed or self._is_resetting)
            for frame in self._link.take(wait=is_idle):
                if frame.type in ("configure", "shutdown"):
                    return frame  # what comes after it is for the next worker
                self._handle(frame)
            if self._is_resetting and not self._backend.unfinished:
                self._backend.reset_caches()
                self._decoder.clear()
                self._is_resetting = False
            if not self._is_resetting:
                self._admit()
            with self._busy("model"):
                completions, self._failed = self._failed + self._backend.step(), []
            if completions:
                self._in_hand.remove(completion.row for completion in completions)
                self._link.send(encode_completions(completions, self._counters()))

    def _totals(self) -> dict[str, float]:
        """Returns what backend and decoder counted, and how many seconds this process was busy with what."""
        decoded = {f"{kind}s_decoded": float(count) for kind, count in self._decoder.decoded.items()}
        times = self._times | {"decoding": self._decoder.busy}
        return self._backend.counters() | decoded | {f"{HOST}{name}": seconds for name, seconds in times.items()}

    def _counters(self) -> dict[str, float]:
        return {name: value - self._before.get(name, 0.0) for name, value in self._totals().items()}

    @contextmanager
    def _busy(self, name: str) -> Iterator[None]:
        """Counts the time inside the `with` block."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._times[name] += time.perf_counter() - started

    def _handle(self, frame: Frame) -> None:
        if frame.type == "requests":
            self._queue += decode_requests(frame)
        elif frame.type == "cancel":
            unwanted = set(frame.fields["rows"])
            self._queue = deque(request for request in self._queue if request.row not in unwanted)
            self._backend.cancel(unwanted)
            self._in_hand.remove(unwanted)
        elif frame.type == "reset_caches":
            self._is_resetting = True  # what is in hand is finished first: its caches are in use

    def _admit(self) -> None:
        """Hands waiting requests to the backend, in order, while it has room and their pictures are there."""
        while self._queue and self._has_room():
            for index in range(min(_LOOKAHEAD, len(self._queue))):
                self._decoder.prefetch(self._queue[index].media)
            if self._backend.unfinished and not self._decoder.is_decoded(self._queue[0].media):
                return  # the backend has better things to do than to wait
            requests = self._take()
            try:
                media = self._decoder.decode(requests[0].media)
                with self._busy("rendering"):
                    self._failed += self._backend.add(requests, media)
                for request in requests:
                    self._in_hand.add(request, media)
            except RequestError as error:
                self._failed += [Completion(request.row, error=str(error)) for request in requests]
            self._link.turn()

    def _has_room(self) -> bool:
        waiting = self._backend.unfinished
        return waiting < self._backend.capacity and (self._in_hand.has_room or not waiting)

    def _take(self) -> list[HostRequest]:
        """Takes the next request out of the queue; of a log-likelihood, all that wait and share its prompt with it.

        Those that have not arrived yet are not waited for: they are a group of their own, and cost one request more.
        """
        first = self._queue.popleft()
        if first.kind != Kind.LOGLIKELIHOOD or not self._joins_choices:
            return [first]
        taken = [first]
        left: deque[HostRequest] = deque()
        for request in self._queue:
            is_choice = len(taken) < self._backend.capacity and _share_prompt(first, request)
            (taken if is_choice else left).append(request)
        self._queue = left
        return taken


def _share_prompt(one: HostRequest, other: HostRequest) -> bool:
    """Whether two requests score continuations of the same prompt with the same media."""
    return (
        one.text == other.text
        and (one.kind, one.is_plain) == (other.kind, other.is_plain)
        and [medium.content_id for medium in one.media] == [medium.content_id for medium in other.media]
    )


def load_backend(config: EngineConfig) -> Backend:
    """Returns the backend with its checkpoint loaded; the first thing in this process to import torch."""
    from fasteval.models.torchvision_repair import repair_torchvision

    request_amx()
    repair_torchvision()
    if config.backend == "hf":
        from fasteval.models.host.hf_backend import HFBackend

        return HFBackend(config)
    from fasteval.models.vllm.backend import VLLMBackend

    return VLLMBackend(config)


def main(descriptor: int) -> None:
    """Serves the front at the other end of the socket `descriptor` until it shuts this process down.

    The first message is `configure`. An error that ends the host is sent to the front before it does.
    """
    os.set_inheritable(descriptor, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the front's to decide on
    link = HostLink(Connection(descriptor))
    configure = link.wait()
    logger = logging.getLogger("fasteval")
    logger.addHandler(LinkHandler(link))
    logger.setLevel(configure.fields["log_level"])
    logger.propagate = False
    try:
        _serve(link, configure)
    except Exception as error:  # noqa: BLE001 - whatever it is, the front is told, and this process ends
        traceback.print_exc()
        link.send(encode_failure(error))
        sys.stderr.flush()
        end_process(1)
    end_process(0)


def _serve(link: HostLink, frame: Frame) -> None:
    """Loads what each `configure` asks for, one after the other, and answers requests until `shutdown`.

    What was loaded stays where `keeps_engine` says that it is what is asked for; else it makes room first.
    """
    backend: Backend | None = None
    decoder = MediaDecoder()
    while frame.type == "configure":
        config = EngineConfig.from_dict(frame.fields["config"])
        if backend is not None and (backend.unfinished or not frame.fields["keeps_engine"]):
            link.loading()
            backend.close()
            backend = None
            decoder.clear()
            _collect_garbage()
        if backend is None:
            backend = load_backend(config)
        link.loaded()
        # Which choices come together depends on when they arrive.
        frame = Worker(backend, link, decoder, joins_choices=not config.deterministic).run()
    if backend is not None and backend.outlives_process:
        backend.close()  # else the process's end is the quicker one


def _collect_garbage() -> None:
    """Frees an engine that nobody refers to any more: its objects refer to each other, and vLLM has frozen them."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()  # what is left are the imports: no need to look at them again
