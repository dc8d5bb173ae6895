"""A stand-in for the package `openai` where it is not installed: clients can be made, and refuse to be used."""

from __future__ import annotations

from typing import Any

from fasteval.errors import UnsupportedError

__all__ = [
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "AsyncAzureOpenAI",
    "AsyncOpenAI",
    "AzureOpenAI",
    "BadRequestError",
    "OpenAI",
    "OpenAIError",
    "RateLimitError",
]


class OpenAIError(Exception):
    """Base of the client's errors; never raised here, only named by task code in `except`."""


class APIError(OpenAIError):
    """An answer that is an error."""


class APIConnectionError(APIError):
    """No connection."""


class APITimeoutError(APIConnectionError):
    """No answer in time."""


class BadRequestError(APIError):
    """A request that was refused."""


class RateLimitError(APIError):
    """Too many requests."""


class OpenAI:
    """A client. Many tasks make one when they are loaded and use it, if at all, to score."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Takes the real client's arguments."""

    def __getattr__(self, name: str) -> Any:
        """Refuses whatever the client is asked for.

        Raises:
            UnsupportedError: always. For the language's own look-ups (`__deepcopy__` and the like): AttributeError.
        """
        if name.startswith("__"):
            raise AttributeError(name)
        raise UnsupportedError(f"{type(self).__name__}.{name} needs the package 'openai': pip install openai")


class AzureOpenAI(OpenAI):
    """A client of Azure."""


class AsyncOpenAI(OpenAI):
    """A client for asynchronous code."""


class AsyncAzureOpenAI(OpenAI):
    """A client of Azure for asynchronous code."""
