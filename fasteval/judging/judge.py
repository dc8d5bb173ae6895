"""`Judge`: a model that answers questions about answers, asked from many threads at once; its answers are cached."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xxhash

from fasteval.api.request import EngineRequest, Kind
from fasteval.errors import EngineError, FastEvalError, JudgeError
from fasteval.models.sampling import SamplingParameters
from fasteval.requests.digest import row_digest
from fasteval.scheduling.plan import request_key, request_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fasteval.api.prompt import Prompt
    from fasteval.api.request import Completion, Response
    from fasteval.cache import ResponseCache
    from fasteval.media import Media
    from fasteval.models.engine import Engine

__all__ = ["Judge", "Judgement"]

_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge was asked, and what it said.

    Attributes:
        prompt: the messages as text.
        text: the judge's words.
        prompt_tokens: tokens of the question.
        output_tokens: tokens of the answer.
        was_cached: whether an earlier run, or another document, had asked the same.
        key: of the answer in the response cache, in hexadecimal digits.
    """

    prompt: str
    text: str
    prompt_tokens: int
    output_tokens: int
    was_cached: bool
    key: str

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as the samples file has them."""
        return {name: getattr(self, name) for name in self.__slots__}


class Judge:
    """Asks an engine of its own. The engine is started by the first question that the cache has no answer to.

    Attributes:
        name: the model's name.
        runs_here: whether the model is loaded on this machine, so that it has to wait until the other one is gone.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        cache: ResponseCache,
        *,
        seed: int,
        runs_here: bool,
        recorded: Mapping[bytes, Response] | None = None,
        make_room: Callable[[], None] = lambda: None,
    ) -> None:
        """Takes the engine, which nobody has started, and the cache of its answers; both are closed with the judge.

        Args:
            name: the model's name.
            engine: answers.
            cache: has answers of earlier runs, and gets these.
            seed: the run's.
            runs_here: whether the model is loaded on this machine.
            recorded: answers, by key, that come before the cache's.
            make_room: frees the memory that a model takes which is loaded here, before it is.
        """
        self.name, self.runs_here = name, runs_here
        self._engine, self._cache, self._seed = engine, cache, seed
        self._recorded, self._make_room = recorded or {}, make_room
        self._fingerprint = engine.fingerprint()
        self._lock = threading.Lock()
        self._new: queue.SimpleQueue[EngineRequest | None] = queue.SimpleQueue()
        self._waiting: dict[bytes, Future[Response]] = {}
        self._keys: dict[int, bytes] = {}
        self._asked = self._in_flight = 0
        self._thread: threading.Thread | None = None
        self._failure: str | None = None
        self._counters = dict.fromkeys(_COUNTERS, 0.0)

    @property
    def window(self) -> int:
        """How many questions the engine likes to have in hand."""
        return self._engine.capabilities().window

    def identity(self) -> dict[str, Any]:
        """Returns name, fingerprint and what the fingerprint is made of."""
        return {"model": self.name, "fingerprint": self._fingerprint, "parts": self._engine.identity()}

    def counters(self) -> dict[str, float]:
        """Returns questions asked and answered from the cache, failures, and the tokens that answers cost."""
        return dict(self._counters)

    def ask(self, prompt: Prompt, generation_kwargs: Mapping[str, Any], media: Sequence[Media] = ()) -> Judgement:
        """Returns the judge's answer; waits for it. May be called from any thread.

        Raises:
            JudgeError: there is none, after all retries.
        """
        try:
            key, request = self._request(prompt, generation_kwargs, tuple(media))
            response, was_cached = self._respond(key, request)
        except (FastEvalError, OSError) as error:
            with self._lock:
                self._counters["judge_failures"] += 1
            raise JudgeError(f"the judge {self.name} gave no answer: {error}") from error
        text = response.texts[0]
        shown = self._engine.render(prompt)
        return Judgement(shown, text, response.prompt_tokens, response.output_tokens, was_cached, key.hex())

    def close(self) -> None:
        """Ends the engine; whoever still waits gets an error. May be called twice."""
        self._give_up("the run has ended")
        if self._thread is not None:
            self._new.put(None)
            self._thread.join()
            self._thread = None
        self._engine.close()
        self._cache.close()

    def _request(
        self, prompt: Prompt, generation_kwargs: Mapping[str, Any], media: tuple[Media, ...]
    ) -> tuple[bytes, EngineRequest]:
        """Returns a question with its key in the cache; it has no row yet."""
        options = SamplingParameters.from_generation_kwargs(generation_kwargs)
        media_key = xxhash.xxh3_128_digest("".join(item.content_id for item in media).encode()) if media else b""
        digest = row_digest(
            Kind.GENERATE_UNTIL, is_chat=prompt.is_chat, prompt=prompt.encode(), continuation=None, media=media_key
        )
        seed = None if options.is_greedy else request_seed(self._seed, digest, 0)
        key = request_key(self._fingerprint, digest, options.canonical(seed))
        return key, EngineRequest(-1, Kind.GENERATE_UNTIL, prompt, None, media, dict(generation_kwargs), seed)

    def _respond(self, key: bytes, request: EngineRequest) -> tuple[Response, bool]:
        """Returns the answer to a question, and whether somebody had asked it before."""
        with self._lock:
            self._counters["judge_questions"] += 1
            known = self._recorded.get(key) or self._cache.get(key)
            if known is not None:
                self._counters["judge_cache_hits"] += 1
                return known, True
            if self._failure is not None:
                raise EngineError(self._failure)
            future = self._waiting.get(key)
            was_asked = future is not None
            if future is None:
                future = self._waiting[key] = Future()
                request.row, self._asked = self._asked, self._asked + 1
                self._keys[request.row] = key
                self._new.put(request)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="judge", daemon=True)
                self._thread.start()
        return future.result(), was_asked

    def _work(self) -> None:
        """The thread: hands questions to the engine and its answers to those who wait."""
        try:
            if self.runs_here:
                self._make_room()
            self._engine.start()
            while self._failure is None:
                if not self._submit_new():
                    return
                for completion in self._engine.poll(_POLL_SECONDS):
                    self._settle(completion)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            self._give_up(f"{type(error).__name__}: {error}")

    def _submit_new(self) -> bool:
        """Submits what was asked, waiting for it if nothing is in flight; returns whether there is more to come."""
        requests: list[EngineRequest] = []
        while True:
            try:
                request = self._new.get(block=not (requests or self._in_flight))
            except queue.Empty:
                break
            if request is None:
                return False
            requests.append(request)
        if requests:
            self._in_flight += len(requests)
            self._engine.submit(requests)
        return True

    def _settle(self, completion: Completion) -> None:
        self._in_flight -= 1
        with self._lock:
            key = self._keys.pop(completion.row)
            future = self._waiting.pop(key, None)
            if completion.response is not None:
                self._cache.append(key, completion.response)
                self._counters["judge_prompt_tokens"] += completion.response.prompt_tokens
                self._counters["judge_output_tokens"] += completion.response.output_tokens
        if future is None:  # the judge was closed meanwhile
            return
        if completion.response is None:
            future.set_exception(EngineError(completion.error or "no answer"))
        else:
            future.set_result(completion.response)

    def _give_up(self, reason: str) -> None:
        with self._lock:
            self._failure = self._failure or reason
            waiting, self._waiting = list(self._waiting.values()), {}
        for future in waiting:
            future.set_exception(EngineError(reason))


_COUNTERS = ("judge_questions", "judge_cache_hits", "judge_failures", "judge_prompt_tokens", "judge_output_tokens")
