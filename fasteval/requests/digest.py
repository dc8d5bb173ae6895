"""Row digests: what a request asks, in 16 bytes that know nothing of model, task name or document number."""

from __future__ import annotations

from functools import lru_cache

import xxhash

from fasteval.api.request import Kind

__all__ = ["row_digest"]

# Part of every digest: raise it when the canonical form changes, and no old answer is mistaken for a new one.
_FORM = b"row-1"


def row_digest(kind: Kind, *, is_chat: bool, prompt: bytes, continuation: bytes | None, media: bytes) -> bytes:
    """Returns the xxh3-128 digest of one request's content.

    Each part is preceded by its length, so that no two different requests give the same stream of bytes. A dialog's
    later rounds differ from its first by their prompt, and are asked as plain generation: their kinds share a value.

    Args:
        kind: what is asked.
        is_chat: whether `prompt` holds messages or plain text.
        prompt: the prompt's canonical bytes.
        continuation: UTF-8 of the continuation, or None.
        media: the document's media key (16 bytes, or none).
    """
    head = _head(kind, is_chat, -1 if continuation is None else len(continuation), len(media))
    return xxhash.xxh3_128_digest(b"".join((head, continuation or b"", media, prompt)))


@lru_cache(maxsize=4096)
def _head(kind: Kind, is_chat: bool, continuation: int, media: int) -> bytes:
    asked = Kind.GENERATE_UNTIL if kind.generates else kind
    return b"%b%d %d %d %d\n" % (_FORM, asked, is_chat, continuation, media)
