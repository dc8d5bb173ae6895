"""`ReplayEngine`: answers from a function or a file, at no cost. For tests of everything around an engine."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from fasteval.api.request import Completion, EngineRequest, Response
from fasteval.errors import EngineError, RequestError, UsageError
from fasteval.models.engine import Capabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fasteval.api.prompt import Prompt

__all__ = ["ReplayEngine", "answers_from_file"]


class ReplayEngine:
    """Answers each request with `answer(request)`.

    Where `answer` raises a `RequestError`, the request has no answer. Where it raises an `EngineError`, the engine
    dies: `poll` raises it, what was in hand is lost, and `start` begins anew. So faults can be injected.

    Attributes:
        requests: what was submitted so far, in order.
        started: how often `start` changed anything.
    """

    def __init__(
        self,
        answer: Callable[[EngineRequest], Response],
        *,
        fingerprint: str = "replay",
        capabilities: Capabilities | None = None,
        newest_first: bool = False,
    ) -> None:
        """Prepares the engine; `newest_first` completes requests in the reverse order of their submission."""
        self._answer, self._fingerprint = answer, fingerprint
        self._capabilities = capabilities or Capabilities()
        self._pending: deque[EngineRequest] = deque()
        self._newest_first = newest_first
        self.requests: list[EngineRequest] = []
        self.started = 0
        self._is_ready = False
        self._death: EngineError | None = None

    def fingerprint(self) -> str:
        """Returns the name that was given."""
        return self._fingerprint

    def identity(self) -> dict[str, Any]:
        """Returns the name that was given."""
        return {"backend": "replay", "name": self._fingerprint}

    def capabilities(self) -> Capabilities:
        """Returns what was given."""
        return self._capabilities

    def render(self, prompt: Prompt) -> str:
        """Returns the prompt's text, without any template."""
        return prompt.plain_text()

    def start(self) -> None:
        """Has nothing to load."""
        self.started += not self._is_ready
        self._is_ready, self._death = True, None

    @property
    def is_ready(self) -> bool:
        """Whether it was started and has not died since."""
        return self._is_ready

    def submit(self, requests: Sequence[EngineRequest]) -> None:
        """Takes requests."""
        self.requests += requests
        self._pending += requests

    def poll(self, timeout: float) -> list[Completion]:  # noqa: ARG002 - nothing to wait for
        """Returns the answers to everything that was submitted.

        Raises:
            EngineError: `answer` raised it.
        """
        completions: list[Completion] = []
        while self._pending:
            request = self._pending.pop() if self._newest_first else self._pending.popleft()
            try:
                completions.append(Completion(request.row, self._answer(request)))
            except RequestError as error:
                completions.append(Completion(request.row, error=str(error)))
            except EngineError as error:
                self._death = error
                self._pending.clear()
                self._is_ready = False
        if self._death is not None and not completions:  # else they are answers all the same; the next call raises
            raise self._death
        return completions

    def cancel(self, rows: Iterable[int]) -> None:
        """Forgets what is pending of `rows`."""
        unwanted = set(rows)
        self._pending = deque(request for request in self._pending if request.row not in unwanted)

    def counters(self) -> dict[str, float]:
        """Returns how many requests came."""
        return {"requests": float(len(self.requests))}

    def reset_caches(self) -> None:
        """Has no caches."""

    def close(self) -> None:
        """Holds nothing."""


def answers_from_file(path: str) -> Callable[[EngineRequest], Response]:
    """Returns an answering function that looks prompts up in a JSON lines file.

    A line has `prompt` (the text, or a chat prompt's texts joined by newlines), and `text`, or `continuation`,
    `logprob` and `is_greedy`.

    Raises:
        UsageError: the file is not there, or a line is not of that form.
    """
    answers: dict[tuple[str, str | None], Response] = {}
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"answers={path}: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        try:
            entry = orjson.loads(line)
            texts = (entry["text"],) if "text" in entry else ()
            answers[entry["prompt"], entry.get("continuation")] = Response(
                texts=texts, logprob=entry.get("logprob"), is_greedy=entry.get("is_greedy"), finish_reason="stop"
            )
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise UsageError(f"{path}:{number}: not a recorded answer ({error})") from error

    def answer(request: EngineRequest) -> Response:
        key = (request.prompt.plain_text(), request.continuation)
        if key not in answers:
            raise RequestError(f"no recorded answer to {key[0][:80]!r}")
        return answers[key]

    return answer
