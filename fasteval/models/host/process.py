"""`Host`: an engine host as the front sees it; and `HostProcess`, one that is a child process of the front's."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections import deque
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import fasteval
from fasteval.models.host.environment import host_environment
from fasteval.models.host.wire import Frame, Wire

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from fasteval.models.engine_config import EngineConfig

__all__ = ["Host", "HostProcess", "Launch"]

logger = logging.getLogger(__name__)

# `-P` and an appended path: nothing in the working directory can pass for a package that the engine imports.
_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); from fasteval.models.host.worker import main; main(int(sys.argv[2]))"
)
_TAIL_LINES = 40
_GRACE_SECONDS = 10.0


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


class HostProcess:
    """A child process in a session of its own: a Ctrl-C in the terminal reaches the front only."""

    def __init__(
        self,
        config: EngineConfig,
        *,
        send_timeout: float = 300.0,
        cores: Collection[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Starts the process and tells it what to load; returns at once.

        Args:
            config: what to load.
            send_timeout: seconds after which `send` gives up on a process that does not read.
            cores: the processor cores that it may use; none given means those that this process may.
            environment: variables that it has in place of this process's.
        """
        verbose = logger.isEnabledFor(logging.DEBUG)
        ours, theirs = socket.socketpair()
        #: Whether the process has left a message unread for so long that the wire is broken.
        self.is_stuck = False
        with theirs:
            command = [sys.executable, "-P", "-c", _PROGRAM, str(Path(fasteval.__file__).parent.parent)]
            self._process = subprocess.Popen(  # noqa: S603 - our own program, no shell
                [*command, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=host_environment(
                    {**os.environ, **(environment or {})}, verbose=verbose, deterministic=config.deterministic
                ),
            )
        if cores:  # before it has any thread that could be elsewhere
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(self._process.pid, cores)
        self._socket = ours
        self._limit_sending(send_timeout)
        self._wire = Wire(Connection(os.dup(ours.fileno())))
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._reader = threading.Thread(target=self._read_output, name="engine output", daemon=True)
        self._reader.start()
        level = logging.getLogger("fasteval").getEffectiveLevel()
        self.send(Frame("configure", {"config": config.to_dict(), "log_level": level}))

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def send(self, frame: Frame) -> None:
        """Sends a message; if the process is gone, whoever listens to it will notice."""
        if self.is_stuck:
            return
        try:
            self._wire.send(frame)
        except BlockingIOError:
            self.is_stuck = True
        except OSError:
            return

    def receive(self, timeout: float) -> Frame | None:
        """Returns the next message, or None if none begins within `timeout` seconds.

        Raises:
            EOFError: the process is gone.
            OSError: likewise.
        """
        return self._wire.receive(timeout)

    def _limit_sending(self, seconds: float) -> None:
        """Has the kernel end a write that the process has not made room for in time."""
        micros = max(1, round(seconds * 1e6))  # none at all would mean for ever
        limit = struct.pack("@ll", micros // 1_000_000, micros % 1_000_000)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)

    def _read_output(self) -> None:
        """Keeps the last lines that the process writes, and logs them all at debug level."""
        if self._process.stdout is None:
            return
        for raw in self._process.stdout:
            line = raw.decode("utf-8", "replace").rstrip().rpartition("\r")[2]  # of a progress bar, its last state
            if line:
                self._tail.append(line)
                logger.debug("engine: %s", line)

    def last_words(self) -> list[str]:
        """Returns the last lines that the process wrote."""
        if self.has_ended:
            self._reader.join(timeout=2.0)
        return list(self._tail)

    def describe_end(self) -> str:
        """Returns in one line how the process ended and what it said last."""
        try:
            code = self._process.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            return "the engine process closed its connection"
        if code < 0:
            name = signal.Signals(-code).name
            text = f"the engine process was killed by {name}"
            if code == -signal.SIGKILL:
                text += " (often because memory ran out)"
        else:
            text = f"the engine process ended with exit code {code}"
        words = self.last_words()
        return f"{text}; its last words: {words[-1]}" if words else text

    def stop(self) -> None:
        """Asks the process to end, and kills it if it does not."""
        self._limit_sending(_GRACE_SECONDS)
        self.send(Frame("shutdown"))
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_GRACE_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Ends the process and every process that it started, for certain."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._wire.close()
        self._socket.close()
        self._reader.join(timeout=2.0)
        if self._process.stdout is not None and not self._reader.is_alive():
            self._process.stdout.close()
