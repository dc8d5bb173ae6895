"""What the log says on standard error."""

from __future__ import annotations

import logging
import sys

__all__ = ["LEVELS", "set_verbosity"]

LEVELS = ("debug", "info", "warning", "error", "critical")


class _StandardErrorHandler(logging.Handler):
    """Writes to whatever standard error is now, so that lines go above a progress bar and not into it."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)


def set_verbosity(level: str) -> None:
    """Lets messages of fasteval's loggers through from `level` (one of `LEVELS`) on."""
    logger = logging.getLogger("fasteval")
    logger.setLevel(level.upper())
    if not any(isinstance(handler, _StandardErrorHandler) for handler in logger.handlers):
        handler = _StandardErrorHandler()
        handler.setFormatter(logging.Formatter("fasteval: %(message)s"))
        logger.addHandler(handler)
        logger.propagate = False
