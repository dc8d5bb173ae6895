"""Documents become rows: the one place where requests are built."""

from __future__ import annotations

import itertools
from array import array
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from fasteval.requests.digest import row_digest
from fasteval.requests.table import DocumentFailure, RequestTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fasteval.api.prompt import Prompt
    from fasteval.api.task import DocumentRequest, MediaIdentity, PlainRequests, PromptOptions, Task

__all__ = ["TableBuilder", "compile_requests"]

#: The table's columns that have a number a row: name, the array's type code, the column's type.
_COLUMNS = (
    ("doc", "q", np.int64),
    ("slot", "i", np.int32),
    ("kind", "b", np.int8),
    ("chat", "b", np.bool_),
    ("prompt", "q", np.int64),
    ("continuation", "q", np.int64),
    ("generation", "i", np.int32),
    ("media_end", "q", np.int64),
)
# Documents that are compiled together where they can be.
_BLOCK = 256
# Rows that are kept as tuples until they become columns together, which is quicker than one by one.
_ROWS = 4096


def compile_requests(task: Task, doc_ids: Iterable[int], options: PromptOptions) -> RequestTable:
    """Returns the requests of `doc_ids`, in document and slot order.

    A document whose prompt cannot be built costs a line in `failures`, not the run.
    """
    builder = TableBuilder(task.name)
    doc_ids = iter(doc_ids)
    while block := list(itertools.islice(doc_ids, _BLOCK)):
        try:
            plain = task.plain_requests(block, options)
        except Exception:  # noqa: BLE001 - a document may be broken in any way: by itself it costs one only
            plain = None
        if plain is not None:
            builder.add_plain(block, plain)
            continue
        for doc_id in block:
            _compile_document(builder, task, doc_id, options)
    return builder.build()


def _compile_document(builder: TableBuilder, task: Task, doc_id: int, options: PromptOptions) -> None:
    try:
        doc = task.docs[doc_id]
        requests = task.document_requests(doc_id, doc, options)
        builder.add_document(doc_id, requests, task.prompt_media_identity(doc_id, doc, options))
    except Exception as error:  # noqa: BLE001 - task code may raise anything; it must cost one document only
        builder.fail(doc_id, f"{type(error).__name__}: {error}")


class TableBuilder:
    """Rows of one task in growing buffers: about a hundred bytes a row beside the texts."""

    def __init__(self, task_name: str) -> None:
        """Starts an empty table for `task_name`."""
        self._task_name = task_name
        self._rows: list[tuple[int, ...]] = []  # the latest, in the order of `_COLUMNS`
        self._columns = [array(code) for _, code, _ in _COLUMNS]
        self._digests, self._media = bytearray(), bytearray()
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
        prompts = _encoded_prompts(requests)
        continuations = [
            None if request.continuation is None else request.continuation.encode("utf-8", "surrogatepass")
            for request in requests
        ]
        generations = [self._generation(request.generation_kwargs) for request in requests]
        places = {prompt: self._add_text(prompt) for prompt in dict.fromkeys(prompts)}  # choices share one
        for request, prompt, continuation, generation in zip(
            requests, prompts, continuations, generations, strict=True
        ):
            kind, is_chat = request.kind, request.prompt.is_chat
            media = identity.key if is_chat else b""
            self._digests += row_digest(kind, is_chat=is_chat, prompt=prompt, continuation=continuation, media=media)
            for source in identity.sources:
                self._media += source
            text = -1 if continuation is None else self._add_continuation(continuation)
            media_end = len(self._media) // 16
            self._rows.append((doc_id, request.slot, kind, is_chat, places[prompt], text, generation, media_end))
        if len(self._rows) >= _ROWS:
            self._flush()

    def add_plain(self, doc_ids: Sequence[int], requests: PlainRequests) -> None:
        """Adds the rows of many documents without media."""
        kind, generation = requests.kind, self._generation(requests.generation_kwargs)
        media_end, add_row = len(self._media) // 16, self._rows.append
        for doc_id, prompt, continuations in zip(doc_ids, requests.prompts, requests.continuations, strict=True):
            data = prompt.encode("utf-8", "surrogatepass")
            place = self._add_text(data)
            for slot, continuation in enumerate(continuations):
                text, own = -1, None
                if continuation is not None:
                    own = continuation.encode("utf-8", "surrogatepass")
                    text = self._add_continuation(own)
                self._digests += row_digest(kind, is_chat=False, prompt=data, continuation=own, media=b"")
                add_row((doc_id, slot, kind, False, place, text, generation, media_end))
        self._flush()

    def _flush(self) -> None:
        """Turns the latest rows into columns."""
        for column, values in zip(self._columns, zip(*self._rows, strict=True), strict=False):
            column.extend(values)
        self._rows = []

    def build(self) -> RequestTable:
        """Returns the table; the builder must not be used again."""
        self._flush()
        columns: dict[str, Any] = {
            name: np.frombuffer(column, dtype) for (name, _, dtype), column in zip(_COLUMNS, self._columns, strict=True)
        }
        media_offsets = np.concatenate([np.zeros(1, np.int64), columns.pop("media_end")])
        rows = len(media_offsets) - 1
        return RequestTable(
            **columns,
            task=np.zeros(rows, np.int32),
            after=np.full(rows, -1, np.int64),
            digest=np.frombuffer(self._digests, np.uint8).reshape(rows, 16),
            text_values=np.frombuffer(self._texts, np.uint8),
            text_offsets=np.frombuffer(self._text_offsets, np.int64),
            media_values=np.frombuffer(self._media, np.uint8).reshape(-1, 16),
            media_offsets=media_offsets,
            task_names=[self._task_name],
            generation_kwargs=[orjson.loads(key) for key in self._kwargs],
            failures=self._failures,
        )

    def _generation(self, kwargs: Mapping[str, Any] | None) -> int:
        if kwargs is None:
            return -1
        key = orjson.dumps(kwargs if type(kwargs) is dict else dict(kwargs), option=orjson.OPT_SORT_KEYS)
        return self._kwargs.setdefault(key, len(self._kwargs))

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


def _encoded_prompts(requests: Sequence[DocumentRequest]) -> list[bytes]:
    """Returns the prompts' canonical bytes; an object that several share is encoded once."""
    encoded: list[bytes] = []
    last: Prompt | None = None
    for request in requests:
        encoded.append(encoded[-1] if request.prompt is last else request.prompt.encode())
        last = request.prompt
    return encoded
