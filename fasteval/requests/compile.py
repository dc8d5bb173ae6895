"""Documents become rows: the one place where requests are built."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson

from fasteval.requests.digest import row_digest
from fasteval.requests.table import DocumentFailure, RequestTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fasteval.api.prompt import Prompt
    from fasteval.api.task import DocumentRequest, MediaIdentity, PromptOptions, Task

__all__ = ["TableBuilder", "compile_requests"]


def compile_requests(task: Task, doc_ids: Iterable[int], options: PromptOptions) -> RequestTable:
    """Returns the requests of `doc_ids`, in document and slot order.

    A document whose prompt cannot be built costs a line in `failures`, not the run.
    """
    builder = TableBuilder(task.name)
    docs = task.docs
    for doc_id in doc_ids:
        try:
            doc = docs[doc_id]
            requests = task.document_requests(doc_id, doc, options)
            builder.add_document(doc_id, requests, task.media_identity(doc))
        except Exception as error:  # noqa: BLE001 - task code may raise anything; it must cost one document only
            builder.fail(doc_id, f"{type(error).__name__}: {error}")
    return builder.build()


class TableBuilder:
    """Rows of one task in growing buffers: about a hundred bytes a row beside the texts."""

    def __init__(self, task_name: str) -> None:
        """Starts an empty table for `task_name`."""
        self._task_name = task_name
        self._doc, self._prompt, self._continuation = array("q"), array("q"), array("q")
        self._slot, self._generation = array("i"), array("i")
        self._kind, self._chat = array("b"), array("b")
        self._digests, self._media = bytearray(), bytearray()
        self._media_offsets = array("q", [0])
        self._texts, self._text_offsets = bytearray(), array("q", [0])
        self._continuations: dict[bytes, int] = {}
        self._kwargs: dict[bytes, int] = {}
        self._failures: list[DocumentFailure] = []

    def fail(self, doc_id: int, reason: str) -> None:
        """Notes that a document made no rows."""
        # Messages may quote a document's broken text, which JSON cannot hold.
        self._failures.append(DocumentFailure(0, doc_id, reason.encode("utf-8", "replace").decode()))

    def add_document(self, doc_id: int, requests: Sequence[DocumentRequest], identity: MediaIdentity) -> None:
        """Adds the rows of one document: all of them, or none where one cannot be encoded."""
        encoder = _Encoder()
        encoded = [encoder.encode(request) for request in requests]
        prompts: dict[bytes, int] = {}
        for request, parts in zip(requests, encoded, strict=True):
            if parts.prompt not in prompts:  # the choices of a question share one
                prompts[parts.prompt] = self._add_text(parts.prompt)
            self._add_row(doc_id, request, parts, prompts[parts.prompt], identity)

    def _add_row(
        self, doc_id: int, request: DocumentRequest, parts: _EncodedRequest, prompt: int, identity: MediaIdentity
    ) -> None:
        continuation, is_chat = parts.continuation, request.prompt.is_chat
        media = identity.key if is_chat else b""
        self._doc.append(doc_id)
        self._slot.append(request.slot)
        self._kind.append(request.kind)
        self._chat.append(is_chat)
        self._prompt.append(prompt)
        self._continuation.append(-1 if continuation is None else self._add_continuation(continuation))
        self._generation.append(
            -1 if parts.kwargs is None else self._kwargs.setdefault(parts.kwargs, len(self._kwargs))
        )
        self._digests += row_digest(
            request.kind,
            is_chat=is_chat,
            prompt=parts.prompt,
            continuation=continuation,
            media=media,
        )
        for source in identity.sources:
            self._media += source
        self._media_offsets.append(len(self._media) // 16)

    def build(self) -> RequestTable:
        """Returns the table; the builder must not be used again."""
        rows = len(self._doc)
        return RequestTable(
            task=np.zeros(rows, np.int32),
            doc=np.frombuffer(self._doc, np.int64),
            slot=np.frombuffer(self._slot, np.int32),
            kind=np.frombuffer(self._kind, np.int8),
            generation=np.frombuffer(self._generation, np.int32),
            chat=np.frombuffer(self._chat, np.bool_),
            prompt=np.frombuffer(self._prompt, np.int64),
            continuation=np.frombuffer(self._continuation, np.int64),
            after=np.full(rows, -1, np.int64),
            digest=np.frombuffer(self._digests, np.uint8).reshape(rows, 16),
            text_values=np.frombuffer(self._texts, np.uint8),
            text_offsets=np.frombuffer(self._text_offsets, np.int64),
            media_values=np.frombuffer(self._media, np.uint8).reshape(-1, 16),
            media_offsets=np.frombuffer(self._media_offsets, np.int64),
            task_names=[self._task_name],
            generation_kwargs=[orjson.loads(key) for key in self._kwargs],
            failures=self._failures,
        )

    def _add_text(self, data: bytes) -> int:
        self._texts += data
        self._text_offsets.append(len(self._texts))
        return len(self._text_offsets) - 2

    def _add_continuation(self, continuation: bytes) -> int:
        # "A", "B", … and "yes", "no" recur in every document; long ones rarely do, and are not worth remembering.
        if len(continuation) > 32:
            return self._add_text(continuation)
        if continuation not in self._continuations:
            self._continuations[continuation] = self._add_text(continuation)
        return self._continuations[continuation]


class _EncodedRequest(NamedTuple):
    """A request's parts as bytes."""

    prompt: bytes
    continuation: bytes | None
    kwargs: bytes | None


class _Encoder:
    """Encodes the requests of one document; choices that share a prompt object have it encoded once."""

    def __init__(self) -> None:
        self._prompt: Prompt | None = None
        self._prompt_bytes = b""

    def encode(self, request: DocumentRequest) -> _EncodedRequest:
        if request.prompt is not self._prompt:
            self._prompt, self._prompt_bytes = request.prompt, request.prompt.encode()
        continuation, kwargs = request.continuation, request.generation_kwargs
        return _EncodedRequest(
            self._prompt_bytes,
            None if continuation is None else continuation.encode("utf-8", "surrogatepass"),
            None if kwargs is None else orjson.dumps(dict(kwargs), option=orjson.OPT_SORT_KEYS),
        )
