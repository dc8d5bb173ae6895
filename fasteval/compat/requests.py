"""A stand-in for the package `requests` where it is not installed: tasks that ask a judge load, and fail later."""

from __future__ import annotations

from types import SimpleNamespace

from fasteval.compat.missing import refuse

__all__ = [
    "ConnectionError",
    "HTTPError",
    "RequestException",
    "Response",
    "Session",
    "Timeout",
    "exceptions",
    "get",
    "post",
    "put",
    "request",
]

_REASON = "it needs the package 'requests': pip install requests"


class RequestException(OSError):  # noqa: N818 - the package's name
    """Base of the package's errors; never raised here, only named by task code in `except`."""


class ConnectionError(RequestException):  # noqa: A001 - the package's name
    """No connection."""


class HTTPError(RequestException):
    """An answer that is an error."""


class Timeout(RequestException):
    """No answer in time."""


class Response:
    """An answer; there is none."""


Session = refuse("requests.Session", _REASON)
get = refuse("requests.get", _REASON)
post = refuse("requests.post", _REASON)
put = refuse("requests.put", _REASON)
request = refuse("requests.request", _REASON)
exceptions = SimpleNamespace(
    ConnectionError=ConnectionError, HTTPError=HTTPError, RequestException=RequestException, Timeout=Timeout
)
