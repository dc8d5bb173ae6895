"""`Album`: the pictures of a report. Each is kept once, however many samples show it, and all together stay small."""

from __future__ import annotations

import base64
from collections import Counter
from typing import TYPE_CHECKING, Any

from fasteval.errors import FastEvalError, UnsupportedError
from fasteval.media import thumbnail, to_media

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Album", "MediaOf"]

if TYPE_CHECKING:
    #: Gives a document's media by its number.
    MediaOf = Callable[[int], Sequence[Any]]

#: What all pictures of a page may take together, in bytes; base64 makes a third more of it.
BUDGET = 16_000_000
_MAX_PICTURE = 40_000


class Album:
    """Collects pictures while one document after the other is shown to it; holds no document's media.

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
