"""What the log says on standard error."""

from __future__ import annotations

import logging

from fasteval.cli.output import complain

__all__ = ["LEVELS", "set_verbosity"]

LEVELS = ("debug", "info", "warning", "error", "critical")


class _StandardErrorHandler(logging.Handler):
    """Writes to whatever standard error is now, so that lines go above a progress bar and not into it."""

    def emit(self, record: logging.LogRecord) -> None:
        complain(self.format(record), keep_lines=True)


def set_verbosity(level: str) -> None:
    """Lets messages of fasteval's loggers through from `level` (one of `LEVELS`) on."""
    logger = logging.getLogger("fasteval")
    logger.setLevel(level.upper())
    if not any(isinstance(handler, _StandardErrorHandler) for handler in logger.handlers):
        logger.addHandler(_StandardErrorHandler())
        logger.propagate = False
