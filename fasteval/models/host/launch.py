"""`Host` and `Launch`: an engine host as the front sees it, wherever it runs, and what starts one there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fasteval.models.engine_config import EngineConfig
    from fasteval.models.host.wire import Frame

__all__ = ["Host", "Launch"]


class Host(Protocol):
    """A started host that loads its model, or has; used by one thread."""

    @property
    def pid(self) -> int | None:
        """Its process id, where it is one of this machine's."""

    @property
    def is_stuck(self) -> bool:
        """Whether it has left a message unread for so long that nothing more can be sent."""

    @property
    def has_ended(self) -> bool:
        """Whether it is gone; what it sent before may still be there to be read."""

    def send(self, frame: Frame) -> None:
        """Sends a message; if the host is gone, whoever listens to it will notice."""

    def receive(self, timeout: float) -> Frame | None:
        """Returns the next message, or None if none begins within `timeout` seconds.

        Raises:
            EOFError: the host is gone.
            OSError: likewise.
        """

    def last_words(self) -> list[str]:
        """Returns the last lines that it wrote."""

    def describe_end(self) -> str:
        """Returns in one line how it ended."""

    def stop(self) -> None:
        """Asks it to end, and makes it if it does not."""

    def kill(self) -> None:
        """Ends it, and whatever it has started, for certain."""


class Launch(Protocol):
    """Starts hosts at one place; called again when one has died."""

    def __call__(self, config: EngineConfig, *, send_timeout: float) -> Host:
        """Starts a host and tells it what to load; returns at once.

        Args:
            config: what to load.
            send_timeout: seconds after which `send` gives up on a host that does not read.
        """
