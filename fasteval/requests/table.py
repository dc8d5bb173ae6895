"""`RequestTable`: all requests of a run as a structure of arrays."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from fasteval.api.prompt import Prompt
from fasteval.api.request import Kind
from fasteval.cache.folder import make_private
from fasteval.errors import CacheError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import torch
    from numpy.typing import NDArray

__all__ = ["DocumentFailure", "RequestTable", "Row"]


#: The kinds by the numbers that stand in tables.
_KINDS = tuple(Kind)


class DocumentFailure(NamedTuple):
    """A document that could not be turned into requests, and why."""

    task: int
    doc_id: int
    reason: str


class Row(NamedTuple):
    """One row of a table, decoded."""

    task: int
    doc_id: int
    slot: int
    kind: Kind
    prompt: Prompt
    continuation: str | None
    generation_kwargs: dict[str, Any]


@dataclass(slots=True)
class RequestTable:
    """One row is one request; N rows, T texts, M media references.

    Attributes:
        task: int32 (N,). Index into `task_names`.
        doc: int64 (N,). The document's number in its split.
        slot: int32 (N,). Choice, repeat or round.
        kind: int8 (N,). A `Kind`.
        generation: int32 (N,). Index into `generation_kwargs`, or -1.
        chat: bool (N,). Whether the prompt holds messages.
        prompt: int64 (N,). Index of the prompt among the texts; the choices of a question share one.
        continuation: int64 (N,). Index of the continuation among the texts, or -1.
        after: int64 (N,). The row that must be answered first, or -1.
        digest: uint8 (N, 16). The row digest (`fasteval.requests.digest`).
        text_values: uint8. The texts' bytes, one after the other.
        text_offsets: int64 (T + 1,). Text i is `text_values[text_offsets[i]:text_offsets[i + 1]]`.
        media_values: uint8 (M, 16). Digests of the encoded sources of the rows' media.
        media_offsets: int64 (N + 1,). Row i's sources are `media_values[media_offsets[i]:media_offsets[i + 1]]`.
        task_names: the tasks, in order of their first row.
        generation_kwargs: the distinct generation kwargs.
        failures: documents that made no rows, and why.
    """

    task: NDArray[np.int32]
    doc: NDArray[np.int64]
    slot: NDArray[np.int32]
    kind: NDArray[np.int8]
    generation: NDArray[np.int32]
    chat: NDArray[np.bool_]
    prompt: NDArray[np.int64]
    continuation: NDArray[np.int64]
    after: NDArray[np.int64]
    digest: NDArray[np.uint8]
    text_values: NDArray[np.uint8]
    text_offsets: NDArray[np.int64]
    media_values: NDArray[np.uint8]
    media_offsets: NDArray[np.int64]
    task_names: list[str] = field(default_factory=list)
    generation_kwargs: list[dict[str, Any]] = field(default_factory=list)
    failures: list[DocumentFailure] = field(default_factory=list)

    def __len__(self) -> int:
        """The number of requests."""
        return len(self.task)

    def row(self, index: int) -> Row:
        """Returns row `index`, decoded."""
        return self.rows([index])[0]

    def rows(self, indices: Sequence[int]) -> list[Row]:
        """Returns rows, decoded; neighbours that share a prompt share the object."""
        places = np.asarray(indices, np.int64)
        columns = (self.task, self.doc, self.slot, self.kind, self.chat, self.generation, self.prompt)
        facts = zip(*(column[places].tolist() for column in columns), strict=True)
        prompts, continuations = self._texts(self.prompt[places]), self.continuation_texts(places)
        rows: list[Row] = []
        last, prompt = -1, Prompt(text="")
        for (task, doc, slot, kind, is_chat, generation, number), data, continuation in zip(
            facts, prompts, continuations, strict=True
        ):
            if number != last:
                last, prompt = number, Prompt.decode(bytes(data), is_chat=is_chat)
            kwargs = {} if generation < 0 else self.generation_kwargs[generation]
            rows.append(Row(task, doc, slot, _KINDS[kind], prompt, continuation, kwargs))
        return rows

    def row_kind(self, index: int) -> Kind:
        """Returns what row `index` asks."""
        return _KINDS[self.kind.item(index)]

    def continuation_texts(self, indices: Sequence[int] | NDArray[np.int64]) -> list[str | None]:
        """Returns the continuations of rows, without decoding the rest of them; None for a row that has none."""
        texts = self.continuation[indices]
        if len(texts) and texts.max() < 0:
            return [None] * len(texts)
        return [
            None if number < 0 else str(data, "utf-8", "surrogatepass")
            for number, data in zip(texts.tolist(), self._texts(texts), strict=True)
        ]

    def prompt_texts(self, indices: Sequence[int]) -> list[str]:
        """Returns the plain prompts of rows."""
        return [str(data, "utf-8", "surrogatepass") for data in self._texts(self.prompt[indices])]

    def _texts(self, texts: NDArray[np.int64]) -> Iterator[memoryview]:
        """Yields the bytes of texts by their numbers; anything for negative ones."""
        starts, ends = self.text_offsets[texts].tolist(), self.text_offsets[texts + 1].tolist()
        values = self.text_values.data
        return (values[start:end] for start, end in zip(starts, ends, strict=True))

    def torch(self) -> dict[str, torch.Tensor]:
        """Returns every array as a torch tensor that shares its memory. Imports torch."""
        import torch

        return {name: torch.from_numpy(array) for name, array in self._arrays().items()}

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {name: getattr(self, name) for name in _ARRAY_NAMES}

    def save(self, path: Path) -> None:
        """Writes the table as safetensors: arrays as tensors, names and kwargs as JSON in the header."""
        from safetensors.numpy import save_file

        rest = {
            "task_names": self.task_names,
            "generation_kwargs": self.generation_kwargs,
            "failures": [list(failure) for failure in self.failures],
        }
        # The name is this process's own: ranks may write the same table at the same time.
        temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
        make_private(temporary.parent)
        save_file(self._arrays(), temporary, metadata={"table": orjson.dumps(rest).decode()})
        temporary.chmod(0o600)  # prompts are nobody else's business, wherever the folder lies
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> RequestTable:
        """Returns the table that `save` wrote; the arrays are views of the memory-mapped file.

        Raises:
            CacheError: the file is damaged.
        """
        try:
            header, arrays = _map_safetensors(path)
            rest = orjson.loads(header["table"])
            failures = [DocumentFailure(*failure) for failure in rest["failures"]]
            return cls(
                **arrays,
                task_names=rest["task_names"],
                generation_kwargs=rest["generation_kwargs"],
                failures=failures,
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise CacheError(f"{path}: not a request table ({error}); delete it") from error

    @classmethod
    def concatenate(cls, tables: Sequence[RequestTable]) -> RequestTable:
        """Returns one table with the rows of all, in order; tasks and generation kwargs are numbered anew."""
        if len(tables) == 1:
            return tables[0]
        names = list(dict.fromkeys(name for table in tables for name in table.task_names))
        kwargs: dict[bytes, int] = {}
        parts: list[dict[str, NDArray[Any]]] = []
        text_base = byte_base = media_base = row_base = 0
        failures = []
        for table in tables:
            task_map = np.array([names.index(name) for name in table.task_names] or [0], np.int32)
            part = dict(table._arrays())
            part["task"] = task_map[table.task]
            keys = [orjson.dumps(entry, option=orjson.OPT_SORT_KEYS) for entry in table.generation_kwargs]
            # The last entry is what -1, no generation, picks.
            kwargs_map = np.array([*(kwargs.setdefault(key, len(kwargs)) for key in keys), -1], np.int32)
            part["generation"] = kwargs_map[table.generation]
            part["prompt"] = table.prompt + text_base
            for name, base in (("continuation", text_base), ("after", row_base)):
                part[name] = np.where(part[name] < 0, -1, part[name] + base)
            part["text_offsets"] = table.text_offsets[1:] + byte_base
            part["media_offsets"] = table.media_offsets[1:] + media_base
            failures += [DocumentFailure(int(task_map[f.task]), f.doc_id, f.reason) for f in table.failures]
            byte_base += len(table.text_values)
            text_base += len(table.text_offsets) - 1
            media_base += len(table.media_values)
            row_base += len(table)
            parts.append(part)
        empty = cls.empty()
        arrays = {
            name: np.concatenate([getattr(empty, name), *(part[name] for part in parts)]) for name in _ARRAY_NAMES
        }
        return cls(
            **arrays,
            task_names=names,
            generation_kwargs=[orjson.loads(key) for key in kwargs],
            failures=failures,
        )

    @classmethod
    def empty(cls) -> RequestTable:
        """Returns a table without rows."""
        shapes: dict[str, tuple[int, ...]] = {"digest": (0, 16), "media_values": (0, 16)}
        arrays = {name: np.zeros(shapes.get(name, (0,)), _DTYPES[name]) for name in _ARRAY_NAMES}
        for name in ("text_offsets", "media_offsets"):
            arrays[name] = np.zeros(1, np.int64)
        return cls(**arrays)  # type: ignore[arg-type]  # one array a name


_DTYPES: dict[str, Any] = {
    "task": np.int32,
    "doc": np.int64,
    "slot": np.int32,
    "kind": np.int8,
    "generation": np.int32,
    "chat": np.bool_,
    "prompt": np.int64,
    "continuation": np.int64,
    "after": np.int64,
    "digest": np.uint8,
    "text_values": np.uint8,
    "text_offsets": np.int64,
    "media_values": np.uint8,
    "media_offsets": np.int64,
}
_ARRAY_NAMES = tuple(_DTYPES)
_SAFETENSORS_DTYPES = {"I32": np.int32, "I64": np.int64, "I8": np.int8, "U8": np.uint8, "BOOL": np.bool_}


def _map_safetensors(path: Path) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """Returns metadata and arrays of a safetensors file, the arrays as views of one memory map.

    The file is eight bytes of header length (little endian), the JSON header, then the tensors' bytes.
    """
    # Copy on write: torch wants writable memory, and what is written to it never reaches the file.
    data = np.memmap(path, np.uint8, mode="c")
    length = int(data[:8].view("<u8")[0])
    header = orjson.loads(data[8 : 8 + length].tobytes())
    metadata = header.pop("__metadata__", {})
    arrays = {}
    for name, entry in header.items():
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        arrays[name] = data[start:end].view(_SAFETENSORS_DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return metadata, arrays
