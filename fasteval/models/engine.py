"""`Engine`: the seam between the run and whatever answers its requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from fasteval.api.request import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fasteval.api.prompt import Prompt
    from fasteval.api.request import Completion, EngineRequest

__all__ = ["ALL_KINDS", "ALL_MEDIA", "HOST", "Capabilities", "Engine", "EngineWrapper"]

ALL_KINDS = frozenset(Kind)

#: How the names of those counters begin that are the seconds in which a worker inside an engine's process was busy.
HOST = "host "
ALL_MEDIA = frozenset({"image", "video", "audio"})


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do; asked before anything is loaded.

    Attributes:
        kinds: the kinds of request that it answers.
        media: the kinds of media that it takes, as far as that is known before it is loaded.
        window: how many requests it likes to have in hand, so that it never waits for the next one.
        runs_dialogs: whether it answers a multi-round request as a whole (models that somebody wrote do), rather than
            one round at a time.
        is_cacheable: whether its answers may serve later runs: its fingerprint says what it is.
        options: the generation options that it can honour (names of `SamplingParameters`); None means all.
    """

    kinds: frozenset[Kind] = ALL_KINDS
    media: frozenset[str] = ALL_MEDIA
    window: int = 256
    runs_dialogs: bool = False
    is_cacheable: bool = True
    options: frozenset[str] | None = None


class Engine(Protocol):
    """Takes requests at any time, gives completions in any order. One engine serves all tasks and kinds of a run."""

    def fingerprint(self) -> str:
        """Returns what identifies the model for the cache; cheap, and possible before `start`."""

    def identity(self) -> dict[str, Any]:
        """Returns what the fingerprint is made of, by name (plain JSON values); for people who ask what has changed."""

    def capabilities(self) -> Capabilities:
        """Returns what the engine can do; possible before `start`."""

    def render(self, prompt: Prompt) -> str:
        """Returns the exact text that the model is shown, media as placeholders; possible before `start`."""

    def start(self) -> None:
        """Begins to load the model; returns at once. Errors come out of `poll`."""

    @property
    def is_ready(self) -> bool:
        """Whether the model is loaded, as far as `poll` has seen."""

    def submit(self, requests: Sequence[EngineRequest]) -> None:
        """Hands over requests; returns without waiting for answers."""

    def poll(self, timeout: float) -> list[Completion]:
        """Returns what is complete, waiting at most `timeout` seconds for the first one.

        Raises:
            EngineError: the engine as a whole has failed.
            CheckpointError: the model cannot be loaded.
        """

    def cancel(self, rows: Iterable[int]) -> None:
        """Gives up requests that are in flight; their completions may or may not still come."""

    def counters(self) -> dict[str, float]:
        """Returns what the engine counted: `engine_steps`, `prompt_tokens`, `cached_tokens`, `images_decoded`, …."""

    def reset_caches(self) -> None:
        """Forgets prefixes and processed media."""

    def close(self) -> None:
        """Stops the engine and frees what it holds; may be called twice."""


class EngineWrapper:
    """An engine around an engine: what a subclass does not do itself, the one inside does."""

    def __init__(self, engine: Engine) -> None:
        """Wraps `engine`."""
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        """Returns what the engine inside has under a name that is not defined here."""
        return getattr(self._engine, name)
