"""`HostEngine`: the engine protocol, spoken by a child process that may import what the front must not."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, NoReturn

from fasteval.api.request import Completion
from fasteval.errors import EngineError, FastEvalError, RequestError
from fasteval.models.checkpoint.fingerprint import fingerprint_of, fingerprint_parts
from fasteval.models.checkpoint.modalities import checkpoint_media
from fasteval.models.engine import Capabilities
from fasteval.models.host.process import HostProcess
from fasteval.models.host.wire import Frame, HostRequest, decode_completions, decode_failure, encode_requests
from fasteval.models.sampling import sampling_of
from fasteval.models.vllm.distribution import is_cpu_build
from fasteval.models.vllm.kv_cache import fit_to_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from fasteval.api.prompt import Prompt
    from fasteval.api.request import EngineRequest
    from fasteval.models.engine_config import EngineConfig
    from fasteval.models.host.process import Host, Launch

__all__ = ["HostEngine"]

# Waits are cut into slices of so many seconds, to look at the process between them.
_SLICE = 1.0


class HostEngine:
    """An engine in a process of its own. After a failure, `start` begins with a fresh process."""

    def __init__(
        self,
        config: EngineConfig,
        *,
        render: Callable[[Prompt], str],
        cache_folder: Path | None = None,
        heartbeat_timeout: float = 300.0,
        start_timeout: float = 3600.0,
        launch: Launch = HostProcess,
    ) -> None:
        """Starts nothing yet.

        Args:
            config: what to load.
            render: the exact text for a prompt (chat template applied).
            cache_folder: where digests of large files are remembered; None remembers nothing.
            heartbeat_timeout: seconds without a sign of life, or without a turn of the engine's loop, until the
                engine counts as hung.
            start_timeout: seconds that loading may take.
            launch: starts the host where it is to run.
        """
        self.config = fit_to_memory(config) if config.backend == "vllm" and is_cpu_build() else config
        self._render = render
        self._cache_folder = cache_folder
        self._heartbeat_timeout, self._start_timeout = heartbeat_timeout, start_timeout
        self._launch = launch
        self._host: Host | None = None
        #: Whether the model is loaded, as far as `poll` has seen.
        self.is_ready = False
        self._failure: FastEvalError | None = None
        self._refused: list[Completion] = []
        self._identity: dict[str, Any] | None = None
        self._counters: dict[str, float] = {}
        self._earlier: dict[str, float] = {}
        self._started = self._heard = 0.0

    def fingerprint(self) -> str:
        """Returns what identifies the model for the cache (see `fingerprint_of`)."""
        return fingerprint_of(self.identity())

    def identity(self) -> dict[str, Any]:
        """Returns the parts of the fingerprint (see `fingerprint_parts`)."""
        if self._identity is None:
            self._identity = fingerprint_parts(self.config, self._cache_folder)
        return self._identity

    def capabilities(self) -> Capabilities:
        """Returns what the backend can do."""
        media = checkpoint_media(self.config.checkpoint)
        if self.config.backend == "hf":
            return Capabilities(window=16, media=media - {"audio"})
        sequences = int(self.config.arguments.get("max_num_seqs") or (256 if is_cpu_build() else 1024))
        # As many again wait in the host, where their media are being decoded.
        return Capabilities(window=max(2 * sequences, 64), media=media)

    def render(self, prompt: Prompt) -> str:
        """Returns the exact text that the model is shown."""
        return self._render(prompt)

    def start(self) -> None:
        """Starts the host; returns at once. Errors come out of `poll`."""
        if self._host is not None:
            return
        self._failure = None
        self.is_ready = False
        self._earlier, self._counters = self.counters(), {}
        self._host = self._launch(self.config, send_timeout=self._heartbeat_timeout)
        self._started = self._heard = time.monotonic()

    @property
    def pid(self) -> int | None:
        """The host's process id, while there is one."""
        return None if self._host is None else self._host.pid

    def submit(self, requests: Sequence[EngineRequest]) -> None:
        """Hands over requests. What cannot even be rendered comes back as an error completion."""
        host = self._running()
        converted = []
        for request in requests:
            try:
                converted.append(self._convert(request))
            except RequestError as error:
                self._refused.append(Completion(request.row, error=str(error)))
        if converted:
            host.send(encode_requests(converted))

    def _running(self) -> Host:
        if self._host is None:
            raise self._failure or EngineError("the engine has not been started")
        return self._host

    def _convert(self, request: EngineRequest) -> HostRequest:
        text = self._render(request.prompt)
        for part in (text, request.continuation or ""):
            if not part.isascii() and any(0xD800 <= ord(character) < 0xE000 for character in part):
                raise RequestError("the prompt is not valid Unicode: it has half of a surrogate pair")
        return HostRequest(
            row=request.row,
            kind=request.kind,
            text=text,
            is_plain=not request.prompt.is_chat,
            continuation=request.continuation,
            media=tuple(medium.with_frames(self.config.frames) for medium in request.media),
            sampling=sampling_of(request.generation_kwargs) if request.kind.generates else None,
            seed=request.seed,
        )

    def poll(self, timeout: float) -> list[Completion]:
        """Returns what is complete, waiting at most `timeout` seconds for the first one, or for the model to be loaded.

        Raises:
            EngineError: the host died, hangs, or its engine failed.
            CheckpointError: the model cannot be loaded.
            UsageError: the engine refuses an argument.
            UnsupportedError: the engine cannot honour what was asked.
        """
        host = self._running()
        completions, self._refused = self._refused, []
        deadline = time.monotonic() + timeout
        while True:
            try:
                frame = self._receive(host, 0.0 if completions else deadline - time.monotonic())
                if frame is not None:
                    completions += self._handle(frame)
                    if frame.type == "ready":  # seen by the caller before whatever happens next
                        return completions
                elif completions or time.monotonic() >= deadline:
                    return completions
            except FastEvalError:
                if completions:  # they are answers all the same; the next call raises
                    return completions
                raise

    def _receive(self, host: Host, timeout: float) -> Frame | None:
        """Returns the next message, or None if there is none for a while; raises if there will never be one."""
        has_ended = host.has_ended  # asked first: what it sent before its end is still read
        try:
            frame = host.receive(0.0 if has_ended else min(max(timeout, 0.0), _SLICE))
        except (EOFError, OSError):
            frame, has_ended = None, True
        if frame is None and has_ended:
            self._fail(EngineError(host.describe_end()))
        if frame is None:
            self._check_time()
        return frame

    def _handle(self, frame: Frame) -> list[Completion]:
        """Returns the completions in a message; notes whatever else it says."""
        self._heard = time.monotonic()
        if frame.type == "completions":
            self._counters = frame.fields["counters"]
            return decode_completions(frame)
        if frame.type == "ready":
            self.is_ready = True
        elif frame.type == "failure":
            self._fail(decode_failure(frame))
        elif frame.type == "heartbeat" and frame.fields["stalled"] > self._heartbeat_timeout:
            self._fail(EngineError(f"the engine hangs: no progress for {frame.fields['stalled']:.0f} seconds"))
        elif frame.type == "log":
            logging.getLogger(frame.fields["name"]).log(frame.fields["level"], "%s", frame.fields["text"])
        return []

    def _check_time(self) -> None:
        """Raises if the host is silent, or takes too long to load."""
        now = time.monotonic()
        if self._host is not None and self._host.is_stuck:
            self._fail(EngineError(f"the engine hangs: it took no message for {self._heartbeat_timeout:.0f} seconds"))
        if now - self._heard > self._heartbeat_timeout:
            self._fail(EngineError(f"the engine hangs: no heartbeat for {now - self._heard:.0f} seconds"))
        if not self.is_ready and now - self._started > self._start_timeout:
            self._fail(EngineError(f"the model was not loaded within {self._start_timeout:.0f} seconds"))

    def _fail(self, error: FastEvalError) -> NoReturn:
        """Ends the host for certain, and raises."""
        if self._host is not None:
            self._host.kill()
            for line in self._host.last_words():
                error.add_note(line)
            self._host = None
        self.is_ready = False
        self._failure = error
        raise error

    def cancel(self, rows: Iterable[int]) -> None:
        """Gives up requests; completions that are on their way may still come."""
        if self._host is not None:
            self._host.send(Frame("cancel", {"rows": [int(row) for row in rows]}))

    def counters(self) -> dict[str, float]:
        """Returns what all hosts of this engine counted, as of the last completion."""
        names = {**self._earlier, **self._counters}
        return {name: self._earlier.get(name, 0.0) + self._counters.get(name, 0.0) for name in names}

    def reset_caches(self) -> None:
        """Forgets prefixes and processed media, once what is in hand is finished."""
        if self._host is not None:
            self._host.send(Frame("reset_caches"))

    def close(self) -> None:
        """Stops the host; may be called twice."""
        if self._host is not None:
            if self.is_ready:
                self._host.stop()
            else:
                self._host.kill()  # it listens to nobody while it loads
            self._host = None
        self.is_ready = False
