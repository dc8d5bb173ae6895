"""Documents become rows: the one place where requests are built."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from fasteval.requests.digest import row_digest
from fasteval.requests.table import DocumentFailure, RequestTable

if TYPE_CHECKING:
    from collections.abc import Iterable

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
            identity = task.media_identity(doc)
        except Exception as error:  # noqa: BLE001 - task code may raise anything; it must cost one document only
            builder.fail(doc_id, f"{type(error).__name__}: {error}")
            continue
        for request in requests:
            builder.add(doc_id, request, identity)
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
        self._last_prompt: tuple[Prompt, int, bytes] | None = None
        self._continuations: dict[bytes, int] = {}
        self._kwargs: dict[bytes, int] = {}
        self._failures: list[DocumentFailure] = []

    def fail(self, doc_id: int, reason: str) -> None:
        """Notes that a document made no rows."""
        self._failures.append(DocumentFailure(0, doc_id, reason))

    def add(self, doc_id: int, request: DocumentRequest, identity: MediaIdentity) -> None:
        """Adds one row."""
        prompt, prompt_bytes = self._add_prompt(request.prompt)
        continuation = None if request.continuation is None else request.continuation.encode("utf-8", "surrogatepass")
        media = identity.key if request.prompt.is_chat else b""
        self._doc.append(doc_id)
        self._slot.append(request.slot)
        self._kind.append(request.kind)
        self._chat.append(request.prompt.is_chat)
        self._prompt.append(prompt)
        self._continuation.append(-1 if continuation is None else self._add_continuation(continuation))
        self._generation.append(self._add_kwargs(request.generation_kwargs))
        self._digests += row_digest(
            request.kind,
            is_chat=request.prompt.is_chat,
            prompt=prompt_bytes,
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

    def _add_prompt(self, prompt: Prompt) -> tuple[int, bytes]:
        # The choices of a question come one after the other and share the prompt object.
        if self._last_prompt is None or self._last_prompt[0] is not prompt:
            data = prompt.encode()
            self._last_prompt = (prompt, self._add_text(data), data)
        return self._last_prompt[1:]

    def _add_continuation(self, continuation: bytes) -> int:
        # "A", "B", … and "yes", "no" recur in every document; long ones rarely do, and are not worth remembering.
        if len(continuation) > 32:
            return self._add_text(continuation)
        if continuation not in self._continuations:
            self._continuations[continuation] = self._add_text(continuation)
        return self._continuations[continuation]

    def _add_kwargs(self, kwargs: Any) -> int:
        if kwargs is None:
            return -1
        return self._kwargs.setdefault(orjson.dumps(dict(kwargs), option=orjson.OPT_SORT_KEYS), len(self._kwargs))
