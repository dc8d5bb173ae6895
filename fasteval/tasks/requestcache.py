"""The request cache: compiled request tables on disk, so that a benchmark's prompts are built once."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Any

import orjson
import xxhash

import fasteval
from fasteval.errors import CacheError
from fasteval.requests import RequestTable
from fasteval.tasks.canonical import names_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from fasteval.api.task import PromptOptions, Task
    from fasteval.tasks.datasets import Documents

__all__ = ["RequestCache", "depends_on_files", "may_be_kept", "table_parts"]

_log = logging.getLogger(__name__)


class RequestCache:
    """Tables in `<folder>/requests/<key>.safetensors`; the key covers everything that a table depends on."""

    def __init__(self, folder: Path) -> None:
        """Keeps tables below `folder`."""
        self._folder = folder / "requests"

    def path(self, parts: dict[str, Any]) -> Path:
        """Returns where the table with these properties is kept.

        Args:
            parts: plain JSON values: the task's fingerprint, prompt options, limit, shard, version.
        """
        key = xxhash.xxh3_128_hexdigest(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS))
        return self._folder / f"{key}.safetensors"

    def get(self, parts: dict[str, Any], build: Callable[[], RequestTable], *, rewrite: bool) -> RequestTable:
        """Returns the kept table, memory-mapped; or builds it and keeps it.

        A table in which documents failed is not kept: what made them fail may be gone the next time.

        Args:
            parts: as for `path`.
            build: makes the table.
            rewrite: build it whatever is there, and keep the new one.
        """
        path = self.path(parts)
        if not rewrite and path.is_file():
            try:
                return RequestTable.load(path)
            except CacheError as error:
                _log.warning("%s: it is built again", error)
        table = build()
        if not table.failures:
            table.save(path)
        return table


def table_parts(options: PromptOptions, parts: list[Any]) -> dict[str, Any]:
    """Returns what a table depends on: how prompts are built, the `parts` of the task, and this program's version."""
    return dataclasses.asdict(options) | {"parts": parts, "version": fasteval.__version__}


def may_be_kept(task: Task, pools: Sequence[Documents], folder: Path | None) -> bool:
    """Whether a table of these documents may be kept; says so where it may not."""
    if depends_on_files(task, pools, folder):
        _log.info("%s: requests are not cached, since documents refer to files that may change", task.name)
        return False
    return True


def depends_on_files(task: Task, pools: Sequence[Documents], folder: Path | None, *, knows_lists: bool = False) -> bool:
    """Whether documents refer to media files: those may change unseen, and what was kept would not know it.

    Args:
        task: says what the documents' media are.
        pools: its documents, and those of its few-shot examples.
        folder: what relative paths are relative to.
        knows_lists: documents in lists are known by all that they hold, the files that they name among it.
    """
    return any(_names_files(task, doc, folder, knows_lists and docs.is_list) for docs in pools for doc in docs[:8])


def _names_files(task: Task, doc: dict[str, Any], folder: Path | None, is_known: bool) -> bool:
    try:
        if names_files(doc, folder):
            return not is_known
        return names_files(task.media(doc), folder)
    except Exception:  # noqa: BLE001 - task code may raise anything; that document costs itself only, later on
        return True
