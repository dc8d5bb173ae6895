"""`Stream`: the running pipeline. Requests go out as fast as the engine takes them, answers come back as they end."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from fasteval.api.request import EngineRequest, Kind
from fasteval.errors import RequestError, UnsupportedError
from fasteval.media import to_media
from fasteval.requests.digest import row_digest
from fasteval.scheduling.loader import place_media
from fasteval.scheduling.plan import request_key, request_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from fasteval.api.prompt import Prompt
    from fasteval.api.request import Completion, Response
    from fasteval.cache import ResponseCache
    from fasteval.models.engine import Engine
    from fasteval.scheduling.loader import RequestLoader
    from fasteval.scheduling.plan import Plan

__all__ = ["Answer", "FollowUp", "Stream"]

_POLL_SECONDS = 0.1
# While requests with more bytes of encoded media are in flight, none is sent; and how many are loaded at a time.
_CARRIED, _MEDIA_ROWS = 1 << 30, 32
# Cached answers that are handed out at once.
_BATCH = 256


@dataclass(slots=True)  # not frozen: one is made for each request, and freezing costs five times as much
class Answer:
    """What became of one row: its response, or the reason why there is none."""

    row: int
    response: Response | None
    error: str | None = None
    was_cached: bool = False


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A later round of a dialog: a request that could only be written when its row's last answer was known.

    Attributes:
        row: the dialog's row; the round's answer comes back under it.
        round_idx: the round's number, from 1.
        prompt: what the model is shown.
        media: the media that the prompt refers to.
    """

    row: int
    round_idx: int
    prompt: Prompt
    media: Sequence[Any] = ()


@dataclass(slots=True)
class StreamCounters:
    """What the stream did.

    Attributes:
        sent: requests given to the engine.
        cache_hits: answers that came from the cache.
        errors: rows without an answer, for a reason that is known.
        left_out: requests that were never sent, because nobody wanted them any more.
    """

    sent: int = 0
    cache_hits: int = 0
    errors: int = 0
    left_out: int = 0


class Stream:
    """Runs a plan: `batches` gives the rows' answers in order of completion, as many at once as are there.

    Every new answer is in the cache before anybody sees it. The engine is given rows from a bounded window, whatever
    their kind or options: there is no point at which it has to run dry.
    """

    def __init__(
        self,
        plan: Plan,
        loader: RequestLoader,
        engine: Engine,
        cache: ResponseCache,
        *,
        fingerprint: str,
        seed: int,
        window: int | None = None,
        cache_sampled: bool = True,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Prepares the run.

        Args:
            plan: what to run.
            loader: gives the plan's rows as requests.
            engine: answers them.
            cache: has earlier answers, and gets the new ones.
            fingerprint: the model's, for the keys of follow-ups.
            seed: the run's, for the seeds of follow-ups.
            window: bounds the requests in flight (the engine's own wish by default).
            cache_sampled: whether sampled answers are read from the cache and kept there.
            should_stop: asked all the time; once it says yes, nothing more is sent or waited for.
        """
        self._plan, self._loader, self._engine, self._cache = plan, loader, engine, cache
        self._fingerprint, self._seed = fingerprint, seed
        self._window = window or engine.capabilities().window
        self._should_stop, self._cache_sampled = should_stop, cache_sampled
        #: Whether `should_stop` ended the stream before everything was answered.
        self.was_stopped = False
        self._next = 0  # how many of the plan's rows have been taken
        self._keys: list[bytes] = plan.keys.view("V16").ravel().tolist()
        self._waiting: dict[bytes, list[int]] = {}  # key -> rows that want its answer
        self._in_flight: dict[int, bytes] = {}  # number at the engine -> key
        self._carried: dict[int, int] = {}  # number at the engine -> bytes of encoded media that it has
        self._carried_bytes = 0
        self._passing: set[bytes] = set()  # keys whose answers are not kept
        self._ready: list[Answer] = []
        self._next_number = len(plan.table)
        self._unwanted: set[int] = set()
        self.counters = StreamCounters()

    def __iter__(self) -> Iterator[Answer]:
        """Yields the answers one by one."""
        return itertools.chain.from_iterable(self.batches())

    def batches(self) -> Iterator[list[Answer]]:
        """Yields cached answers first, and then the others as the engine completes them."""
        yield from self._cached_answers()
        if self.was_stopped:
            return
        self._enlist_followers()
        if len(self._plan.order):
            self._engine.start()
        while not self.was_stopped:
            self._fill_window()
            while self._ready:
                yield self._take_ready()
            if self._in_flight:
                self._settle(self._engine.poll(_POLL_SECONDS))
            elif self._next == len(self._plan.order) and not self._ready:
                return
            self.was_stopped = self._should_stop()
        if self._ready:
            yield self._take_ready()

    def leave_out(self, rows: NDArray[np.int64]) -> None:
        """Sends none of `rows` that is not on its way yet, unless another row wants the same answer.

        They stay unanswered. Whoever leaves out all rows ends the run when what is in flight has come back.
        """
        self._unwanted.update(rows.tolist())

    def add(self, follow_up: FollowUp) -> None:
        """Adds a dialog's next round; it may be answered from the cache, or by a round that is in flight already.

        A round whose media cannot be had is answered with the reason.
        """
        table, row = self._plan.table, follow_up.row
        try:
            media = tuple(to_media(visual) for visual in follow_up.media)
        except (OSError, RequestError, UnsupportedError) as error:
            self.counters.errors += 1
            self._ready.append(Answer(row, None, f"media cannot be had: {error}"))
            return
        prompt = place_media(follow_up.prompt, [media]) if follow_up.prompt.is_chat else follow_up.prompt
        media_key = xxhash.xxh3_128_digest("".join(item.content_id for item in media).encode()) if media else b""
        digest = row_digest(
            Kind.GENERATE_UNTIL, is_chat=prompt.is_chat, prompt=prompt.encode(), continuation=None, media=media_key
        )
        options = self._plan.sampling[int(table.generation[row])]
        seed = None
        if not options.is_greedy:
            seed = request_seed(self._seed, digest, int(table.slot[row]))
        key = request_key(self._fingerprint, digest, options.canonical(seed))
        request = EngineRequest(
            row=self._next_number,
            kind=Kind.GENERATE_UNTIL,
            prompt=prompt,
            media=media,
            generation_kwargs=table.row(row).generation_kwargs,
            seed=seed,
        )
        self._next_number += 1
        known = self._cache.get(key) if self._cache_sampled or seed is None else None
        if known is not None:
            self.counters.cache_hits += 1
            self._ready.append(Answer(row, known, was_cached=True))
        elif key in self._waiting:
            self._waiting[key].append(row)
        else:
            self._waiting[key] = [row]
            self._send([request], [key])

    def _take_ready(self) -> list[Answer]:
        ready, self._ready = self._ready, []
        return ready

    def _cached_answers(self) -> Iterator[list[Answer]]:
        rows = np.flatnonzero(self._plan.cached)
        known = zip(rows.tolist(), self._cache.get_many(self._plan.keys[rows]), strict=True)
        removed = "the answer was removed from the cache during the run"
        while batch := [
            Answer(row, response, removed if response is None else None, was_cached=True)
            for row, response in itertools.islice(known, _BATCH)
        ]:
            if self._should_stop():
                self.was_stopped = True
                return
            self.counters.cache_hits += len(batch)
            yield batch

    def _enlist_followers(self) -> None:
        """Lets every row that is not cached wait for the key that its leader is going to run."""
        for row in np.flatnonzero(~self._plan.cached).tolist():
            self._waiting.setdefault(self._keys[row], []).append(row)

    def _fill_window(self) -> None:
        """Sends rows until the window is full or none is left."""
        while self._next < len(self._plan.order) and (room := self._room()) > 0:
            rows = self._take_rows(room)
            requests = self._loader.load(rows, lambda row, reason: self._deliver([(self._keys[row], None, reason)]))
            self._send(requests, [self._keys[request.row] for request in requests])

    def _room(self) -> int:
        """Returns how many more rows may be sent: the window bounds them, and the encoded media that they carry."""
        room = self._window - len(self._in_flight)
        if not self._plan.table.media_values.size:
            return room
        # Rows are loaded so many at a time, since only then is it known what they carry.
        return 0 if self._carried_bytes > _CARRIED else min(room, _MEDIA_ROWS)

    def _take_rows(self, count: int) -> list[int]:
        """Returns the next rows that must be sent, about `count`; those that need not be are done with.

        The choices of a question are not torn apart by the window's end: together they cost one context.
        """
        order = self._plan.order
        end = min(self._next + count, len(order))
        while end < len(order) and self._are_choices(order[end - 1], order[end]):
            end += 1
        rows: list[int] = order[self._next : end].tolist()
        self._next = end
        if self._unwanted:
            wanted = [row for row in rows if not self._unwanted.issuperset(self._waiting[self._keys[row]])]
            self.counters.left_out += len(rows) - len(wanted)
            rows = wanted
        readable = [row for row in rows if self._cache_sampled or self._plan.seeds[row] < 0]
        # What another run has answered since the plan was made.
        elsewhere = self._cache.arrived([self._keys[row] for row in readable])
        self.counters.cache_hits += len(elsewhere)
        self._deliver((key, response, None) for key, response in elsewhere.items())
        return [row for row in rows if self._keys[row] not in elsewhere] if elsewhere else rows

    def _are_choices(self, row: int, other: int) -> bool:
        """Whether two rows ask for log-probabilities behind one prompt."""
        table = self._plan.table
        return bool(table.kind[row] == Kind.LOGLIKELIHOOD and table.prompt[row] == table.prompt[other])

    def _send(self, requests: list[EngineRequest], keys: list[bytes]) -> None:
        if requests:
            self._engine.start()  # a follow-up can be the first request that the cache does not have
            self.counters.sent += len(requests)
            self._in_flight.update(zip((request.row for request in requests), keys, strict=True))
            for request in requests:
                if not request.media:
                    continue
                size = sum(len(medium.source) for medium in request.media if isinstance(medium.source, bytes))
                if size:
                    self._carried[request.row] = size
                    self._carried_bytes += size
            if not self._cache_sampled:
                sampled = zip(requests, keys, strict=True)
                self._passing.update(key for request, key in sampled if request.seed is not None)
            self._engine.submit(requests)

    def _settle(self, completions: Sequence[Completion]) -> None:
        settled = [
            (self._in_flight.pop(completion.row), completion.response, completion.error) for completion in completions
        ]
        if self._carried:
            self._carried_bytes -= sum(self._carried.pop(completion.row, 0) for completion in completions)
        self._cache.extend(
            [(key, response) for key, response, _ in settled if response is not None and key not in self._passing]
        )
        self._deliver(settled)

    def _deliver(self, settled: Iterable[tuple[bytes, Response | None, str | None]]) -> None:
        """Gives each row that waits for a key its answer."""
        for key, response, error in settled:
            rows = self._waiting.pop(key)
            if response is None:
                self.counters.errors += len(rows)
            for row in rows:
                self._ready.append(Answer(row, response, error))
