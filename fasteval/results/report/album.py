"""The pictures of a page: where the documents of a saved run have them from, and `Album`, which keeps each once."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from fasteval.errors import DocumentError, FastEvalError, SavedResultsError, UnsupportedError
from fasteval.media import thumbnail, to_media
from fasteval.results.encoding import to_json, without_media

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fasteval.results.saved import SavedRun, SavedTask
    from fasteval.tasks import ConfigurableTask

    #: Gives a document's media by its number.
    MediaOf = Callable[[int], Sequence[Any]]

__all__ = ["Album", "MediaOf", "reload_media"]

#: What all pictures of a page may take together, in bytes; base64 makes a third more of it.
BUDGET = 16_000_000
_MAX_PICTURE = 40_000


class Album:
    """Collects pictures while one document after the other is shown to it; holds no document's media.

    Each picture is kept once, however many samples show it, and all together stay small.

    Attributes:
        problems: why documents have no picture, and how many of them.
    """

    def __init__(self, expected: int, *, budget: int = BUDGET, most: int | None = None) -> None:
        """Prepares for the media of `expected` documents: at most `most` pictures, which share `budget` bytes."""
        self._left, self._budget, self._most = max(1, expected), budget, most
        self._numbers: dict[str, int] = {}
        self._pictures: list[bytes] = []
        self.problems: Counter[str] = Counter()

    def add(self, doc_id: int, media_of: MediaOf) -> list[int]:
        """Returns the numbers of a document's pictures; media that cannot be shown are counted in `problems`."""
        numbers = []
        try:
            visuals = media_of(doc_id)
        except Exception as error:  # noqa: BLE001 - task code may raise anything; a report does without the picture
            visuals = []
            self.problems[_reason(error)] += 1
        # What documents before left over is for those that follow: shared pictures make room for sharper ones.
        allowance = min(_MAX_PICTURE, self._budget // self._left)
        self._left = max(1, self._left - 1)
        for visual in visuals:
            try:
                numbers.append(self._number(visual, allowance // len(visuals)))
            except Exception as error:  # noqa: BLE001 - PIL and lazy images raise nearly anything on damaged files
                self.problems[_reason(error)] += 1
        return numbers

    def encoded(self) -> list[str]:
        """Returns the pictures in base64, by number; all are WebP."""
        return [base64.b64encode(picture).decode() for picture in self._pictures]

    def _number(self, visual: Any, max_bytes: int) -> int:
        media = to_media(visual)
        number = self._numbers.get(media.content_id)
        if number is None:
            if self._most is not None and len(self._pictures) >= self._most:
                raise UnsupportedError(f"at its end a run shrinks {self._most:,} pictures; `fasteval report` takes all")
            picture = thumbnail(media, max_bytes)
            self._budget -= len(picture)
            number = self._numbers[media.content_id] = len(self._pictures)
            self._pictures.append(picture)
        return number


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:300] if isinstance(error, FastEvalError) else f"{type(error).__name__}: {text}"[:300]


def reload_media(run: SavedRun) -> tuple[dict[str, MediaOf], str]:
    """Returns for each task what gives its documents' media, and, where there is none, why not.

    The tasks are those that the run's settings name. A document that is not the one that was evaluated gives no media:
    the samples' `doc_hash` tells.
    """
    try:
        tasks = _load_tasks(run)
    except FastEvalError as error:
        return {}, f"the tasks cannot be loaded: {error}"
    return {name: _media_of(tasks[name], task) for name, task in run.tasks.items() if name in tasks}, ""


def _load_tasks(run: SavedRun) -> dict[str, ConfigurableTask]:
    from fasteval.tasks import TaskManager

    settings = run.settings
    names = settings.get("tasks")
    if not isinstance(names, list):
        raise SavedResultsError(f"{run.path} does not say how they were loaded")
    manager = TaskManager(
        include_path=list(settings.get("include_path") or ()),
        datasets=settings.get("datasets") or {},
        prompt_profile=settings.get("prompt_profile") or "default",
    )
    return manager.load_task_or_group(names)


def _media_of(task: ConfigurableTask, saved: SavedTask) -> MediaOf:
    hashes: Mapping[int, Any] = {sample["doc_id"]: sample.get("doc_hash") for sample in saved.samples}

    def media(doc_id: int) -> list[Any]:
        if doc_id >= len(task.docs):
            raise DocumentError("the data have fewer documents than they had when the run was made")
        doc = task.docs[doc_id]
        digest = hashlib.sha256(to_json(without_media(doc), sort_keys=True)).hexdigest()
        if hashes.get(doc_id) != digest:
            raise DocumentError("the documents are not those of the run: the data or the task changed since")
        return task.media(doc)

    return media
