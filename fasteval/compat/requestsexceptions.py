"""`requests.exceptions`, where the package is not installed."""

from __future__ import annotations

from fasteval.compat.requests import ConnectionError, HTTPError, RequestException, Timeout  # noqa: A004 - its names

__all__ = ["ConnectionError", "HTTPError", "RequestException", "Timeout"]
