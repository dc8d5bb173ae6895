"""`Interruption`: SIGINT and SIGTERM while a run goes on. The first one asks for an end; a second one is the end."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

__all__ = ["Interruption", "RunInterrupted"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class RunInterrupted(KeyboardInterrupt):
    """A signal ended the run where there was nothing to keep but the cache."""

    def __init__(self, number: int) -> None:
        """Takes the signal's number."""
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class Interruption:
    """Listens to the signals inside its `with` block; without one it never asks for anything."""

    def __init__(self) -> None:
        """Listens to nothing yet."""
        self._number: int | None = None
        self._is_deferred = False
        self._before: dict[int, Any] = {}

    @property
    def is_requested(self) -> bool:
        """Whether the run is to end as soon as it can."""
        return self._number is not None

    @property
    def exit_code(self) -> int | None:
        """What the process is to end with, by the shell's convention; None if no signal came."""
        return None if self._number is None else 128 + self._number

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Has the first signal only noted: the work in the `with` block has things to keep, and asks `is_requested`."""
        before, self._is_deferred = self._is_deferred, True
        try:
            yield
        finally:
            self._is_deferred = before

    def __enter__(self) -> Self:
        """Begins to listen; only a process's main thread can."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives the signals back to whoever had them."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _handle(self, number: int, _frame: object) -> None:
        if self.is_requested:
            if sys.stderr.isatty():
                os.write(sys.stderr.fileno(), b"\x1b[?25h\n")  # the cursor, which the progress bar may have hidden
            os._exit(128 + number)
        self._number = number
        if not self._is_deferred:
            raise RunInterrupted(number)
        # Not `print`: the signal may have come in the middle of one.
        os.write(2, b"fasteval: stopping; what is done is kept (the same signal again ends at once)\n")
