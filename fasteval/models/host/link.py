"""`HostLink`: the engine host's end of the wire: messages are read and life is signalled, whatever the engine does."""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, NoReturn

from fasteval.models.host.wire import Frame, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

__all__ = ["HostLink", "LinkHandler", "end_process"]

_HEARTBEAT_SECONDS = 1.0


class HostLink:
    """Reads messages in one thread and sends heartbeats in another, so that neither side can block the other.

    A heartbeat says for how long the engine's loop has not turned: the front tells a hang from hard work by it. The
    process ends when the front is gone.
    """

    def __init__(self, connection: Connection) -> None:
        """Starts both threads."""
        self._wire = Wire(connection)
        self._inbox: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self._parent = os.getppid()
        self._turned = time.monotonic()
        self._is_waiting = False
        self._is_loading = True
        for work in (self._read, self._beat):
            threading.Thread(target=work, name=work.__name__, daemon=True).start()

    def wait(self) -> Frame:
        """Returns the next message, whenever it comes."""
        self._is_waiting = True
        frame = self._inbox.get()
        self.turn()  # before the flag falls: idle time is no hang
        self._is_waiting = False
        return frame

    def take(self, *, wait: bool) -> Iterator[Frame]:
        """Yields the messages that have come, in order; waits for the first one if `wait`."""
        self.turn()
        if wait:
            yield self.wait()
        while not self._inbox.empty():
            yield self._inbox.get()

    def turn(self) -> None:
        """Notes that the engine's loop goes on."""
        self._turned = time.monotonic()

    def loading(self) -> None:
        """Notes that another model is being loaded, which takes the loop's time."""
        self._is_loading = True

    def loaded(self) -> None:
        """Tells the front that the model is loaded; from now on a loop that does not turn is a hang."""
        self.turn()
        self._is_loading = False
        self.send(Frame("ready"))

    def send(self, frame: Frame) -> None:
        """Sends a message; ends the process if the front is gone."""
        try:
            self._wire.send(frame)
        except OSError:
            end_process(1)

    def _read(self) -> None:
        while True:
            try:
                frame = self._wire.receive()
            except (EOFError, OSError):
                end_process(1)
            if frame is not None:
                self._inbox.put(frame)

    def _beat(self) -> None:
        while True:
            time.sleep(_HEARTBEAT_SECONDS)
            if os.getppid() != self._parent:  # a process that the front forked may keep our wire open
                end_process(1)
            is_free = self._is_waiting or self._is_loading
            stalled = 0.0 if is_free else time.monotonic() - self._turned
            self.send(Frame("heartbeat", {"stalled": stalled}))


class LinkHandler(logging.Handler):
    """Sends fasteval's own log records to the front, which decides where they go."""

    def __init__(self, link: HostLink) -> None:
        """Logs through `link`."""
        super().__init__()
        self._link = link

    def emit(self, record: logging.LogRecord) -> None:
        """Sends one record."""
        text = record.getMessage()
        self._link.send(Frame("log", {"level": record.levelno, "name": record.name, "text": text}))


def end_process(code: int) -> NoReturn:
    """Ends this process at once, and with it whatever processes the engine has started."""
    sys.stdout.flush()
    sys.stderr.flush()
    if code and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(code)
