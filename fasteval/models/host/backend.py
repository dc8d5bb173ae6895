"""`Backend`: what answers requests inside an engine host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from fasteval.api.request import Completion
    from fasteval.models.host.media_decoder import Decoded
    from fasteval.models.host.wire import HostRequest

__all__ = ["Backend"]


class Backend(Protocol):
    """A loaded model that takes requests at any time and works on them step by step; used by one thread."""

    @property
    def capacity(self) -> int:
        """How many requests it can have in hand with profit."""

    @property
    def unfinished(self) -> int:
        """How many requests it has in hand."""

    @property
    def outlives_process(self) -> bool:
        """Whether something of it would go on if its process ended without `close`."""

    def add(self, requests: Sequence[HostRequest], media: Sequence[Decoded]) -> list[Completion]:
        """Takes a request whose media are decoded, or several log-likelihoods that have prompt and media in common.

        Returns:
            The completions of those that cannot be answered.

        Raises:
            RequestError: none of them can be answered.
            UnsupportedError: the engine cannot honour what is asked, of these requests or any like them.
        """

    def step(self) -> list[Completion]:
        """Works on what it has in hand for a moment; returns what is complete since then."""

    def cancel(self, rows: Collection[int]) -> None:
        """Drops requests."""

    def counters(self) -> dict[str, float]:
        """Returns what it counted since it was loaded."""

    def reset_caches(self) -> None:
        """Forgets prefixes and processed media."""

    def close(self) -> None:
        """Frees the model."""
