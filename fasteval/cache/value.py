"""A line's value: everything of a response that scoring and reporting need, and the second in which it was written."""

from __future__ import annotations

import math
from typing import Any

import orjson

from fasteval.api.request import Response

__all__ = ["decode_value", "encode_value", "fields_of", "stamped", "written_at"]

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


def decode_value(value: bytes) -> Response | None:
    """Returns the response that `encode_value` was given; None for bytes that it never gave."""
    fields = fields_of(value)
    fields.pop(_WRITTEN, None)  # lines of earlier versions have none
    try:
        logprob = fields.pop("logprob")
        texts = tuple(fields.pop("texts"))
        return Response(texts=texts, logprob=None if logprob is None else float(logprob), **fields)
    except (KeyError, TypeError, ValueError):
        return None


def written_at(value: bytes) -> int | None:
    """Returns the second in which a value was written, or None for those of earlier versions."""
    written = fields_of(value).get(_WRITTEN)
    return written if isinstance(written, int) else None


def stamped(value: bytes, written: int) -> bytes:
    """Returns a value that says when it was written; one that says so already stays as it is."""
    return value if written_at(value) is not None else orjson.dumps({**fields_of(value), _WRITTEN: written})


def fields_of(value: bytes) -> dict[str, Any]:
    """Returns a value's fields; none for one that is no JSON object, which only a forged line has."""
    try:
        fields = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {}
    return fields if isinstance(fields, dict) else {}
