"""`WorkQueue`: requests that wait, and who has which in hand. Work is pulled by replicas, never pushed to them.

Bookkeeping only: numbers of requests in, numbers out; no engine, no clock, no thread. `take` is the law of the place.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, KeysView

__all__ = ["WorkQueue"]

# Families whose home is remembered: more than any replica's caches hold.
_HOMES = 1 << 16
# A replica may have this part of its window in hand as long as that leaves the others as much: a quarter of the
# sequences that vLLM schedules at a time, since much smaller batches waste more than a fairer tail would save.
_FLOOR = 8

_Families = OrderedDict["Hashable", "deque[tuple[int, ...]]"]


class WorkQueue:
    """One queue for N replicas.

    A replica takes more whenever it has room. What may be in its hands shrinks with what waits, to half of its share of
    the rest and then to a small batch: whoever turns out to be slow holds up little, and the others take what is left
    ("guided self-scheduling": Polychronopoulos and Kuck, 1987).

    Requests of one *family* (those that show the same media, or have the same prompt) are at home with the replica that
    took the first of them, whose caches know it. A replica takes from its own families first, then from those that are
    at home nowhere, and only then from the others': it is never without work while there is any.
    """

    def __init__(self, replicas: int, window: int) -> None:
        """Begins empty.

        Args:
            replicas: how many, numbered from 0.
            window: how many requests a replica likes to have in hand.
        """
        self._window, self._floor = window, max(1, window // _FLOOR)
        self._free: _Families = OrderedDict()
        self._own: list[_Families] = [OrderedDict() for _ in range(replicas)]
        self._home: OrderedDict[Hashable, int] = OrderedDict()  # what was set last is last
        self._in_hand: list[dict[int, Hashable]] = [{} for _ in range(replicas)]
        #: How many requests nobody has in hand, and how many there are at all.
        self.waiting = self.outstanding = 0

    def add(self, rows: Iterable[int], family: Hashable) -> None:
        """Puts a bundle of requests at the end of its family; a bundle is taken as a whole."""
        bundle = tuple(rows)
        home = self._home.get(family)
        families = self._free if home is None else self._own[home]
        families.setdefault(family, deque()).append(bundle)
        self.waiting += len(bundle)
        self.outstanding += len(bundle)

    def take(self, replica: int) -> list[int]:
        """Returns the requests that a replica may have now, and books them as in its hands."""
        taken: list[int] = []
        room = self.room(replica)
        in_hand = self._in_hand[replica]
        while len(taken) < room and self.waiting > 0:
            families, is_stolen = self._source(replica)
            # From the others' the newest: they are about to take the oldest themselves.
            family, bundles = families.popitem(last=is_stolen)
            while bundles and len(taken) < room:
                bundle = bundles.popleft()
                taken += bundle
                in_hand.update(dict.fromkeys(bundle, family))
                self.waiting -= len(bundle)
            if bundles and is_stolen:
                families[family] = bundles  # a family of which only a part is taken stays at home
                continue
            self._settle_down(family, replica)
            if bundles:
                self._own[replica][family] = bundles
                self._own[replica].move_to_end(family, last=False)
        return taken

    def room(self, replica: int) -> int:
        """Returns how many more requests a replica may have in hand."""
        replicas = len(self._own)
        small_batch = min(self._floor, -(-self.outstanding // replicas))
        share = max(small_batch, self.waiting // (2 * replicas))
        return min(self._window, share) - len(self._in_hand[replica])

    def in_hand(self, replica: int) -> KeysView[int]:
        """Returns a view of what a replica has in hand, in the order in which it took it."""
        return self._in_hand[replica].keys()

    def settle(self, replica: int, row: int) -> None:
        """Books a request that was answered (or given up) off."""
        del self._in_hand[replica][row]
        self.outstanding -= 1

    def give_back(self, replica: int, rows: Collection[int]) -> None:
        """Takes requests back from a replica that cannot answer them now; they are the next to be taken, by anybody.

        What the replica knew is gone with it: its families are at home nowhere any more.
        """
        in_hand, own = self._in_hand[replica], self._own[replica]
        self._home = OrderedDict((family, home) for family, home in self._home.items() if home != replica)
        returned: _Families = OrderedDict()
        for row in rows:
            returned.setdefault(in_hand.pop(row), deque()).append((row,))
        for family, bundles in own.items():
            returned.setdefault(family, deque()).extend(bundles)
        for family, bundles in reversed(
            returned.items()
        ):  # what waits anyway is not walked through: it may be millions
            bundles.extend(self._free.pop(family, ()))
            self._free[family] = bundles
            self._free.move_to_end(family, last=False)
        self._own[replica] = OrderedDict()
        self.waiting += len(rows)

    def drop(self, rows: Collection[int]) -> None:
        """Forgets requests, wherever they are."""
        unwanted = set(rows)
        for in_hand in self._in_hand:
            for row in unwanted & in_hand.keys():
                del in_hand[row]
                self.outstanding -= 1
        for families in (self._free, *self._own):
            for family, bundles in list(families.items()):
                kept = [tuple(row for row in bundle if row not in unwanted) for bundle in bundles]
                gone = sum(map(len, bundles)) - sum(map(len, kept))
                self.waiting -= gone
                self.outstanding -= gone
                families[family] = deque(filter(None, kept))
                if not families[family]:
                    del families[family]

    def _source(self, replica: int) -> tuple[_Families, bool]:
        """Returns the families that a replica takes from next, and whether it takes them from another one."""
        if self._own[replica]:
            return self._own[replica], False
        if self._free:
            return self._free, False
        return max(self._own, key=len), True

    def _settle_down(self, family: Hashable, replica: int) -> None:
        self._home[family] = replica
        self._home.move_to_end(family)
        if len(self._home) > _HOMES:
            self._home.popitem(last=False)
