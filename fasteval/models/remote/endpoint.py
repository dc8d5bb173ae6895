"""`Endpoint`: one server of several, asked as many things at a time as it takes without complaint."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from fasteval.errors import EngineError, RequestError
from fasteval.models.remote.settings import authorization

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fasteval.models.backoff import Backoff
    from fasteval.models.remote.settings import RemoteSettings

__all__ = ["Endpoint", "TryAgainError"]

# What a server says when it has too much to do, or is being started.
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
# What it says when nothing that we ask will ever be answered.
_REFUSED = {401: "the key is not accepted", 403: "the key is not accepted", 404: "no such model or path"}
_FIRST_LIMIT = 8.0


class TryAgainError(Exception):
    """A request had no answer this time, and may have one later.

    Attributes:
        wait: seconds that the server asks for; None if it does not say.
    """

    def __init__(self, reason: str, wait: float | None = None) -> None:
        """Says why."""
        super().__init__(reason)
        self.wait = wait


class Endpoint:
    """A base URL such as `http://localhost:8000/v1`; used within one event loop.

    How many requests are under way at a time adapts itself as in TCP (Chiu and Jain, 1989): one more a round of
    answers, half as many after a complaint. After a complaint the server is also left alone for a while, for longer
    each time, and after too many in a row it counts as down.
    """

    def __init__(self, base_url: str, settings: RemoteSettings, backoff: Backoff) -> None:
        """Opens nothing yet.

        Args:
            base_url: the URL up to and with `/v1`, one of the settings'.
            settings: how many requests are under way at a time, at most, and how long an answer may take; after
                `max_retries` complaints in a row, and one more, the server counts as down.
            backoff: how long it is left alone after a complaint.
        """
        self.base_url, self._settings, self._backoff = base_url.rstrip("/"), settings, backoff
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=settings.concurrency)
        times = httpx.Timeout(settings.timeout, connect=min(settings.timeout, 10.0))
        headers = {"Content-Type": "application/json"} | authorization(settings.api_key)
        self._client = httpx.AsyncClient(headers=headers, limits=limits, timeout=times)
        self._limit = min(_FIRST_LIMIT, settings.concurrency)
        self._active = 0
        self._rests_until = 0.0
        self._free = asyncio.Condition()

    @property
    def limit(self) -> int:
        """How many requests may be under way now."""
        return int(self._limit)

    @property
    def is_down(self) -> bool:
        """Whether it has complained so often in a row that nothing is expected of it any more."""
        return self._backoff.attempts > self._settings.max_retries

    async def acquire(self) -> None:
        """Waits until one more request may be under way."""
        async with self._free:
            await self._free.wait_for(lambda: self._active < self.limit)
            self._active += 1
        await asyncio.sleep(self._rests_until - asyncio.get_running_loop().time())

    async def release(self, complaint: TryAgainError | None = None) -> None:
        """Notes that a request is over, and whether the server could not cope with it."""
        now = asyncio.get_running_loop().time()
        async with self._free:
            self._active -= 1
            if complaint is None:
                self._limit = min(self._settings.concurrency, self._limit + 1 / self._limit)
            elif now >= self._rests_until:  # complaints about what was under way together count as one
                self._limit = max(1.0, self._limit / 2)
                self._rests_until = now + max(self._backoff.next(), complaint.wait or 0.0)
            self._free.notify_all()

    async def ask(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the JSON object that the server replies with.

        Raises:
            TryAgainError: it is busy, cannot be reached, takes too long, or replies with something else.
            RequestError: it refuses this request.
            EngineError: it refuses every request.
        """
        try:
            content = orjson.dumps(body)
        except orjson.JSONEncodeError as error:  # half of a surrogate pair
            raise RequestError(f"the prompt is not valid Unicode: {error}") from error
        try:
            reply = await self._client.post(f"{self.base_url}/{path}", content=content)
        except httpx.HTTPError as error:
            raise TryAgainError(f"{self.base_url}: {str(error) or type(error).__name__}") from error
        return self._read(reply)

    def _read(self, reply: httpx.Response) -> dict[str, Any]:
        code = reply.status_code
        if code in _BUSY:
            raise TryAgainError(f"{self.base_url}: HTTP {code}: {_message(reply)}", _retry_after(reply))
        if code in _REFUSED:
            raise EngineError(f"{self.base_url}: {_REFUSED[code]} (HTTP {code}: {_message(reply)})")
        if not reply.is_success:
            raise RequestError(f"the server refuses the request (HTTP {code}): {_message(reply)}")
        try:
            values = orjson.loads(reply.content)
        except orjson.JSONDecodeError as error:
            raise TryAgainError(f"{self.base_url}: the reply is not JSON: {reply.text[:80]!r}") from error
        if not isinstance(values, dict):
            raise TryAgainError(f"{self.base_url}: the reply is not a JSON object: {reply.text[:80]!r}")
        self._backoff.reset()
        return values

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()


def _message(reply: httpx.Response) -> str:
    """Returns what the server says went wrong, in one line."""
    try:
        values = orjson.loads(reply.content)
        error = values.get("error", values)
        text = error["message"] if isinstance(error, dict) else str(error)
    except (orjson.JSONDecodeError, AttributeError, KeyError):
        text = reply.text
    return " ".join(str(text).split())[:300] or reply.reason_phrase


def _retry_after(reply: httpx.Response) -> float | None:
    """Returns the seconds that the server asks for; dates are left to our own back-off."""
    try:
        return max(0.0, float(reply.headers["retry-after"]))
    except (KeyError, ValueError):
        return None
