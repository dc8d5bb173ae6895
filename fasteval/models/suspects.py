"""`Suspects`: which of the requests in its hands make an engine die. Bookkeeping only: knows no engine and no clock."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["Suspects"]

# An engine may die of anything. A request is suspected after so many deaths, and given up after so many, …
_SUSPICIOUS, _CERTAIN = 2, 3
# … a picture after so many requests that showed it, and the engine after so many requests, without an answer between.
_CERTAIN_OF_PICTURE, _HOPELESS = 3, 5


class Suspects:
    """Finds the requests that kill an engine by halving, at the cost of a death or less for each halving.

    Requests that were in the engine at two deaths are suspects. While there are any, the engine gets nothing but
    *trials*: half of the suspects at a time. An answer clears its request. A death narrows the suspicion to the trial.
    A request is given up that was in the engine at three deaths, at the last one alone.

    Requests that show a picture of one that was given up are tried alone, until one of them is answered: then it was
    not the picture.
    """

    def __init__(self, others: Suspects | None = None) -> None:
        """Suspects nobody; what is known to the `others`, of another engine with the same model, is known here too."""
        self._media: dict[int, tuple[str, ...]] = {}
        self._deaths: Counter[int] = Counter() if others is None else others._deaths
        self._suspects: list[int] = []
        # content id -> requests given up, since an answer to one that shows it
        self._tainted: Counter[str] = Counter() if others is None else others._tainted
        self._given_up_in_a_row = 0
        self._is_proven = False

    @property
    def is_hopeless(self) -> bool:
        """Whether the engine rather than its requests must be at fault."""
        return self._given_up_in_a_row >= _HOPELESS

    def add(self, row: int, media: Iterable[str]) -> None:
        """Takes note of a request and the content ids of its media."""
        self._media[row] = tuple(media)

    def is_condemned(self, row: int) -> bool:
        """Whether a request shows a picture that has killed the engine so often that nobody need try again."""
        return any(self._tainted[content_id] >= _CERTAIN_OF_PICTURE for content_id in self._media[row])

    def remove(self, row: int) -> None:
        """Forgets a request that will not be sent again."""
        del self._media[row]
        self._deaths.pop(row, None)
        if row in self._suspects:
            self._suspects.remove(row)

    def pass_on(self, row: int) -> bool:
        """Forgets a request that another engine is to answer, but not its deaths; returns whether that may be.

        A suspect is tried where it is.
        """
        if row in self._suspects or self._is_tainted(row):
            return False
        del self._media[row]
        return True

    def clear(self, row: int) -> None:
        """Forgets a request that was answered, and whatever it shows to be innocent."""
        for content_id in self._media[row]:
            self._tainted.pop(content_id, None)
        self._is_proven, self._given_up_in_a_row = True, 0
        self.remove(row)

    def died(self, inside: Collection[int]) -> int | None:
        """Takes note of the engine's death with the requests `inside`; returns one to give up, or None.

        The caller removes it.
        """
        self._deaths.update(inside)
        self._suspects = [row for row in inside if self._deaths[row] >= _SUSPICIOUS]
        if len(inside) != 1:
            return None
        (row,) = inside
        if self._deaths[row] < _CERTAIN and not self._is_tainted(row):
            return None
        self._tainted.update(self._media[row])
        self._given_up_in_a_row += 1
        self._is_proven = False
        return row

    def trial(self) -> list[int]:
        """Returns the requests that the engine is to be given next and alone; empty if nobody is suspected.

        An engine that has answered nothing (or nothing since a request was given up) is given a single one: it may be
        that it dies of all of them.
        """
        tainted = [row for row in self._media if self._is_tainted(row)] if self._tainted else []
        if tainted:
            return tainted[:1]
        return self._suspects[: max(1, len(self._suspects) // 2) if self._is_proven else 1]

    def _is_tainted(self, row: int) -> bool:
        return any(content_id in self._tainted for content_id in self._media[row])
