"""`RemoteEngine`: the engine protocol on top of servers that speak OpenAI's."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fasteval.api.request import Completion, Kind
from fasteval.errors import EngineError, FastEvalError, RequestError
from fasteval.models.backoff import Backoff
from fasteval.models.engine import Capabilities
from fasteval.models.outbox import Outbox
from fasteval.models.remote.endpoint import Endpoint, TryAgainError
from fasteval.models.remote.protocol import (
    DIALECTS,
    context_question,
    generation_question,
    joint_question,
    read_generation,
    read_score,
    read_token_ids,
)
from fasteval.models.sampling import DEFAULT_MAX_TOKENS, sampling_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fasteval.api.prompt import Prompt
    from fasteval.api.request import EngineRequest, Response
    from fasteval.models.remote.protocol import Question
    from fasteval.models.remote.settings import RemoteSettings

__all__ = ["RemoteEngine"]

logger = logging.getLogger(__name__)

# A limit that the task did not set is sent where it leaves at least as much room for the prompt.
_ROOMY = 4 * DEFAULT_MAX_TOKENS
_CONTEXTS_KEPT = 1024


@dataclass(slots=True)
class _Asked:
    """A request and how often it was tried in vain."""

    request: EngineRequest
    tries: int = 0


class RemoteEngine:
    """Asks one or several servers of the same model; each takes the next request when it has room for one.

    A request that has no answer is asked again, of whichever server is free; after `settings.max_retries` more times in
    vain it becomes an error completion, and so does every request once all servers count as down. The work is done by
    one thread of its own.
    """

    def __init__(self, settings: RemoteSettings) -> None:
        """Connects to nobody yet."""
        self._settings = settings
        self._dialect = DIALECTS[settings.dialect]
        self._outbox = Outbox()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._serving: asyncio.Task[None] | None = None
        self._waiting: asyncio.Queue[_Asked] = asyncio.Queue()
        self._endpoints: list[Endpoint] = []
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._contexts: dict[bytes, asyncio.Task[list[int]]] = {}
        self._last_words: str | None = None  # what the last server complained of, once all are down
        self._counters = dict.fromkeys(("requests", "prompt_tokens", "output_tokens", "remote_retries"), 0.0)

    def fingerprint(self) -> str:
        """Returns what identifies the model for the cache: its name and revision, wherever it is served."""
        return self._settings.fingerprint()

    def identity(self) -> dict[str, Any]:
        """Returns the model's name, the revision that the user declares, and how it is spoken to."""
        return self._settings.identity()

    def capabilities(self) -> Capabilities:
        """Returns what the protocol can do. Answers serve later runs only where a revision is declared."""
        kinds = {Kind.GENERATE_UNTIL, Kind.GENERATE_UNTIL_MULTI_ROUND}
        return Capabilities(
            kinds=frozenset(kinds | {Kind.LOGLIKELIHOOD} if self._dialect.scores else kinds),
            window=2 * self._settings.concurrency * len(self._settings.base_urls),
            is_cacheable=self._settings.revision is not None,
            options=self._dialect.options,
            media=frozenset({"image"}),
        )

    def render(self, prompt: Prompt) -> str:
        """Returns a plain prompt's text, or the messages as JSON: the template is the server's."""
        return prompt.encode().decode("utf-8", "replace")

    def start(self) -> None:
        """Starts the thread; servers are spoken to when there is something to ask."""
        if self._thread is not None:
            return
        has_loop = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(has_loop,), name="remote engine", daemon=True)
        self._thread.start()
        has_loop.wait()

    @property
    def is_ready(self) -> bool:
        """Whether it was started: the model is loaded elsewhere."""
        return self._thread is not None

    def submit(self, requests: Sequence[EngineRequest]) -> None:
        """Takes requests."""
        for request in requests:
            self._call(self._take, _Asked(request))

    def poll(self, timeout: float) -> list[Completion]:
        """Returns what is complete, waiting at most `timeout` seconds for the first one.

        Raises:
            EngineError: a server refuses everything: the key, or the model's name.
        """
        return self._outbox.poll(timeout)

    def cancel(self, rows: Iterable[int]) -> None:
        """Gives requests up."""
        self._call(self._drop, list(rows))

    def counters(self) -> dict[str, float]:
        """Returns requests, tokens and retries."""
        return dict(self._counters)

    def reset_caches(self) -> None:
        """Does nothing: the caches are the server's, and answers are not known to depend on them."""

    def close(self) -> None:
        """Ends the thread; may be called twice."""
        if self._thread is not None and self._loop is not None and self._serving is not None:
            with contextlib.suppress(RuntimeError):  # the thread has ended by itself
                self._loop.call_soon_threadsafe(self._serving.cancel)
            self._thread.join()
        self._thread = self._loop = None

    def _call(self, function: Any, *arguments: Any) -> None:
        if self._loop is None:
            raise EngineError("the engine has not been started")
        self._loop.call_soon_threadsafe(function, *arguments)

    def _work(self, has_loop: threading.Event) -> None:
        """The thread: runs the loop until `close`."""

        async def serve() -> None:
            self._loop, self._serving = asyncio.get_running_loop(), asyncio.current_task()
            has_loop.set()
            self._endpoints = [Endpoint(url, self._settings, Backoff()) for url in self._settings.base_urls]
            try:
                await asyncio.gather(*(self._pull(endpoint) for endpoint in self._endpoints))
            finally:
                for endpoint in self._endpoints:
                    await endpoint.close()

        try:
            asyncio.run(serve())
        except asyncio.CancelledError:
            return
        except Exception as error:  # noqa: BLE001 - the front must hear of it, whatever it is
            self._outbox.fail(EngineError(f"the remote engine failed: {type(error).__name__}: {error}"))

    async def _pull(self, endpoint: Endpoint) -> None:
        """Gives one server the next request whenever it has room for it, until it counts as down."""
        while not endpoint.is_down:
            await endpoint.acquire()
            asked = await self._waiting.get()
            row = asked.request.row
            self._tasks[row] = asyncio.create_task(self._try(endpoint, asked))
        await asyncio.get_running_loop().create_future()  # what is under way still ends; `close` ends this

    def _drop(self, rows: list[int]) -> None:
        waiting = [self._waiting.get_nowait() for _ in range(self._waiting.qsize())]
        for asked in waiting:
            if asked.request.row not in rows:
                self._waiting.put_nowait(asked)
        for row in rows:
            if row in self._tasks:
                self._tasks[row].cancel()

    async def _try(self, endpoint: Endpoint, asked: _Asked) -> None:
        """Asks one server once; without an answer the request goes back to wait."""
        complaint = None
        try:
            response = await self._answer(endpoint, asked.request)
            self._counters["requests"] += 1
            self._counters["prompt_tokens"] += response.prompt_tokens
            self._counters["output_tokens"] += response.output_tokens
            self._outbox.put(Completion(asked.request.row, response))
        except TryAgainError as error:
            complaint = error
        except RequestError as error:
            self._outbox.put(Completion(asked.request.row, error=str(error)))
        except FastEvalError as error:
            self._outbox.fail(error)
        finally:
            del self._tasks[asked.request.row]
            await endpoint.release(complaint)
        if complaint is not None:
            self._put_back(asked, complaint)

    def _take(self, asked: _Asked) -> None:
        if self._last_words is None:
            self._waiting.put_nowait(asked)
        else:
            self._outbox.put(Completion(asked.request.row, error=self._last_words))

    def _put_back(self, asked: _Asked, complaint: TryAgainError) -> None:
        asked.tries += 1
        if all(endpoint.is_down for endpoint in self._endpoints):
            self._last_words = f"no server answers any more: {complaint}"
            for waiting in [asked, *(self._waiting.get_nowait() for _ in range(self._waiting.qsize()))]:
                self._take(waiting)
        elif asked.tries > self._settings.max_retries:
            self._outbox.put(Completion(asked.request.row, error=f"given up after {asked.tries} tries: {complaint}"))
        else:
            logger.info("%s; asked again", complaint)
            self._counters["remote_retries"] += 1
            self._waiting.put_nowait(asked)

    async def _answer(self, endpoint: Endpoint, request: EngineRequest) -> Response:
        try:
            if request.kind.generates:
                return read_generation(await self._ask(endpoint, self._generation(request)))
            context = await self._context(endpoint, request)
            return read_score(context, await self._ask(endpoint, joint_question(request, self._dialect)))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise TryAgainError(f"{endpoint.base_url}: the reply is not what the protocol says: {error!r}") from error

    async def _ask(self, endpoint: Endpoint, question: Question) -> dict[str, Any]:
        return await endpoint.ask(question.path, question.body | {"model": self._settings.model})

    def _generation(self, request: EngineRequest) -> Question:
        sampling, length = sampling_of(request.generation_kwargs), self._settings.context_length
        is_left_to_server = not sampling.max_tokens_given and length is not None and length < _ROOMY
        limit = None if is_left_to_server else sampling.max_tokens
        return generation_question(request, sampling, self._dialect, max_tokens=limit)

    async def _context(self, endpoint: Endpoint, request: EngineRequest) -> list[int]:
        """Returns the tokens of a log-likelihood's context; the choices of a question ask for them once."""
        key = request.prompt.encode() + "".join(medium.content_id for medium in request.media).encode()
        if key not in self._contexts:

            async def learn() -> list[int]:
                return read_token_ids(await self._ask(endpoint, context_question(request, self._dialect)))

            self._contexts[key] = asyncio.create_task(learn())
            if len(self._contexts) > _CONTEXTS_KEPT:
                del self._contexts[next(iter(self._contexts))]
        task = self._contexts[key]
        try:
            return await asyncio.shield(task)
        except (TryAgainError, RequestError, KeyError, IndexError, TypeError, ValueError):
            self._contexts.pop(key, None)  # the next one that needs it asks anew
            raise
