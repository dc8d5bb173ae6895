"""`RayHost`: an engine host on a node of a Ray cluster; `HostKeeper` is the actor that keeps it there.

The host is the same process as on one machine, and so are its messages. The actor starts it where Ray has found room,
with the GPUs that Ray gives, and passes the messages on. When the actor dies, the host ends; who supervises the engine
starts another one, wherever there is room then.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import RayError

from fasteval.errors import first_line
from fasteval.models.engine_config import EngineConfig
from fasteval.models.host.environment import HOSTS_HERE
from fasteval.models.host.process import HostProcess
from fasteval.models.host.wire import Frame

if TYPE_CHECKING:
    from fasteval.distributed.ray_cluster import Parcels

__all__ = ["HostKeeper", "RayHost"]

logger = logging.getLogger(__name__)

# How long the actor waits for a message before it says that there is none, and how long a host may take to stop.
_WAIT_SECONDS, _GRACE_SECONDS = 1.0, 15.0
# After so long a user is told that Ray has no room for a replica yet.
_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class _Report:
    """What the actor knows: messages of its host, and how that ended, if it has."""

    frames: list[Frame]
    node: str
    is_stuck: bool = False
    end: str | None = None
    last_words: tuple[str, ...] = ()


class HostKeeper:
    """The actor. It sends in one thread and receives in another (Ray's concurrency groups)."""

    def __init__(self, config: dict[str, Any], send_timeout: float, log_level: int) -> None:
        """Starts the host and tells it what to load."""
        logging.getLogger("fasteval").setLevel(log_level)
        context = ray.get_runtime_context()
        self._node = context.get_node_id()
        cores = float(context.get_assigned_resources().get("CPU") or 1)
        here = max(1, int((os.cpu_count() or 1) / cores))  # as many as Ray may have put on this node
        self._host = HostProcess(
            EngineConfig.from_dict(config), send_timeout=send_timeout, environment={HOSTS_HERE: str(here)}
        )

    def send(self, kind: str, fields: dict[str, Any], *blobs: bytes) -> None:
        """Passes a message on to the host. Ray has fetched the blobs that came by reference."""
        self._host.send(Frame(kind, fields, blobs))

    def receive(self) -> _Report:
        """Returns the messages that have come, waiting a second for the first one."""
        frames: list[Frame] = []
        has_ended = self._host.has_ended
        try:
            frame = self._host.receive(0.0 if has_ended else _WAIT_SECONDS)
            while frame is not None:
                frames.append(frame)
                frame = self._host.receive(0.0)
        except (EOFError, OSError):
            has_ended = True
        end = self._host.describe_end() if has_ended and not frames else None
        words = tuple(self._host.last_words()) if end else ()
        return _Report(frames, self._node, self._host.is_stuck, end, words)

    def stop(self) -> None:
        """Stops the host."""
        self._host.stop()


class RayHost:
    """The front's end (see `fasteval.models.host.process.Host`)."""

    def __init__(self, actor: Any, parcels: Parcels, config: EngineConfig, *, send_timeout: float) -> None:
        """Asks Ray for the actor; returns at once, wherever and whenever there is room for it."""
        level = logging.getLogger("fasteval").getEffectiveLevel()
        self._actor = actor.remote(config.to_dict(), send_timeout, level)
        self._parcels = parcels
        self._inbox: deque[Frame] = deque()
        self._asked: Any = None  # the report that is on its way
        self._node: str | None = None
        self._asked_at = time.monotonic()
        self._end: str | None = None
        self._last_words: list[str] = []
        #: Its process is another machine's.
        self.pid = None
        self.is_stuck = False

    @property
    def has_ended(self) -> bool:
        """Whether the host or its actor is gone."""
        return self._end is not None

    def send(self, frame: Frame) -> None:
        """Sends a message; large blobs travel through Ray's object store, once a node."""
        self._actor.send.remote(frame.type, frame.fields, *self._parcels.wrap(frame))

    def receive(self, timeout: float) -> Frame | None:
        """Returns the next message, or None if none comes within `timeout` seconds.

        Raises:
            EOFError: the host or its actor is gone.
        """
        if not self._inbox and self._end is None:
            self._look(timeout)
        if self._inbox:
            return self._inbox.popleft()
        if self._end is not None:
            raise EOFError(self._end)
        # An actor that waits for its place is not one that hangs.
        return Frame("heartbeat", {"stalled": 0.0}) if self._node is None else None

    def _look(self, timeout: float) -> None:
        if self._asked is None:
            self._asked = self._actor.receive.options(concurrency_group="receiving").remote()
        ready, _ = ray.wait([self._asked], timeout=timeout)
        if not ready:
            self._complain()
            return
        asked, self._asked = self._asked, None
        try:
            report: _Report = ray.get(asked)
        except RayError as error:
            place = f" on node {self._node}" if self._node else ""
            self._end = f"the Ray actor{place} is gone: {first_line(error)}"
            return
        if self._node is None:
            self._node = report.node
            logger.info("an engine host starts on node %s of the Ray cluster", self._node)
        self._inbox += report.frames
        self.is_stuck, self._end, self._last_words = report.is_stuck, report.end, list(report.last_words)

    def _complain(self) -> None:
        """Says once that Ray has no room; it may be that a node is being started."""
        if self._node is None and time.monotonic() - self._asked_at > _PATIENCE_SECONDS:
            logger.warning("a replica waits for room in the Ray cluster: `ray status` says what is missing")
            self._asked_at = float("inf")

    def last_words(self) -> list[str]:
        """Returns the last lines that the host wrote, where its actor could still tell."""
        return self._last_words

    def describe_end(self) -> str:
        """Returns in one line how it ended."""
        return self._end or "the engine host gave no reason for its end"

    def stop(self) -> None:
        """Asks the host to end, and kills it if it does not."""
        with contextlib.suppress(RayError):
            ray.get(self._actor.stop.remote(), timeout=_GRACE_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Ends the actor; the host notices and ends, too."""
        ray.kill(self._actor)
