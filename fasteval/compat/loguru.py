"""A stand-in for the package `loguru` where it is not installed: the same calls, written to Python's logging."""

from __future__ import annotations

import logging
from typing import Any

__all__ = ["logger"]

_log = logging.getLogger("fasteval.tasks.foreign")


class _Logger:
    """Takes loguru's calls. Messages are formatted with braces, as there, and only if arguments are given."""

    def debug(self, message: Any, *args: Any, **kwargs: Any) -> None:
        """Logs at this level."""
        self.log("DEBUG", message, *args, **kwargs)

    def info(self, message: Any, *args: Any, **kwargs: Any) -> None:
        """Logs at this level."""
        self.log("INFO", message, *args, **kwargs)

    def success(self, message: Any, *args: Any, **kwargs: Any) -> None:
        """Logs as information: Python's logging has no level of success."""
        self.log("INFO", message, *args, **kwargs)

    def warning(self, message: Any, *args: Any, **kwargs: Any) -> None:
        """Logs at this level."""
        self.log("WARNING", message, *args, **kwargs)

    def error(self, message: Any, *args: Any, **kwargs: Any) -> None:
        """Logs at this level."""
        self.log("ERROR", message, *args, **kwargs)

    def critical(self, message: Any, *args: Any, **kwargs: Any) -> None:
        """Logs at this level."""
        self.log("CRITICAL", message, *args, **kwargs)

    def exception(self, message: Any, *args: Any, **kwargs: Any) -> None:
        """Logs an error with the exception that is being handled."""
        _log.error("%s", _formatted(message, args, kwargs), exc_info=True)

    def trace(self, message: Any, *args: Any, **kwargs: Any) -> None:
        """Logs for debugging: Python's logging has no lower level."""
        self.log("DEBUG", message, *args, **kwargs)

    def log(self, level: str | int, message: Any, *args: Any, **kwargs: Any) -> None:
        """Logs at a level that is given by name or number."""
        number = level if isinstance(level, int) else getattr(logging, level, logging.INFO)
        if _log.isEnabledFor(number):
            _log.log(number, "%s", _formatted(message, args, kwargs))

    def bind(self, **_: Any) -> _Logger:
        """Returns the logger: context that is bound to messages is not kept."""
        return self

    opt = contextualize = patch = bind

    def add(self, *_: Any, **__: Any) -> int:
        """Does nothing: where messages go is the program's business, not a task's."""
        return 0

    def remove(self, *_: Any) -> None:
        """Does nothing, as `add`."""

    def enable(self, *_: Any) -> None:
        """Does nothing, as `add`."""

    def disable(self, *_: Any) -> None:
        """Does nothing, as `add`."""


def _formatted(message: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    text = str(message)
    return text.format(*args, **kwargs) if args or kwargs else text


logger = _Logger()
