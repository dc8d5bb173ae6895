"""A line's value: everything of a response that scoring and reporting need, and the second in which it was written."""

from __future__ import annotations

import math
from typing import Any

import orjson

from fasteval.api.request import Response

__all__ = ["decode_value", "encode_value", "stamped", "written_at"]

_WRITTEN = "at"


def encode_value(response: Response, written: int) -> bytes:
    """Returns the response as JSON; `written` are seconds since 1970."""
    logprob = response.logprob
    return orjson.dumps(
        {
            "texts": response.texts,
            # JSON has no infinities, and the log-probability of the impossible is one.
            "logprob": logprob if logprob is None or math.isfinite(logprob) else str(logprob),
            "is_greedy": response.is_greedy,
            "prompt_tokens": response.prompt_tokens,
            "output_tokens": response.output_tokens,
            "finish_reason": response.finish_reason,
            _WRITTEN: written,
        }
    )


def decode_value(value: bytes) -> Response:
    """Returns the response that `encode_value` was given."""
    fields: dict[str, Any] = orjson.loads(value)
    fields.pop(_WRITTEN, None)  # lines of earlier versions have none
    logprob = fields.pop("logprob")
    texts = tuple(fields.pop("texts"))
    return Response(texts=texts, logprob=None if logprob is None else float(logprob), **fields)


def written_at(value: bytes) -> int | None:
    """Returns the second in which a value was written, or None for those of earlier versions."""
    written: int | None = orjson.loads(value).get(_WRITTEN)
    return written


def stamped(value: bytes, written: int) -> bytes:
    """Returns a value that says when it was written; one that says so already stays as it is."""
    fields: dict[str, Any] = orjson.loads(value)
    return value if _WRITTEN in fields else orjson.dumps({**fields, _WRITTEN: written})
