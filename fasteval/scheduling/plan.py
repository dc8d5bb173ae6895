"""`Plan`: a pure function of a table, a cache and a model's fingerprint: which rows must run, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xxhash

from fasteval.api.request import Kind
from fasteval.errors import FastEvalError, TaskError
from fasteval.models.sampling import SamplingParameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fasteval.cache import ResponseCache
    from fasteval.requests import RequestTable

__all__ = ["Plan", "dialog_key", "make_plan", "request_key", "request_seed"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done about N rows with U distinct keys.

    Attributes:
        table: the rows.
        keys: uint8 (N, 16). Each row's key.
        leader: int64 (N,). The first row with the same key; a row that leads itself is the one that runs.
        cached: bool (N,). Whether the cache has the row's answer.
        order: int64. The rows to run: leaders that are not cached, in the order in which to run them.
        seeds: int64 (N,). The seed of each sampled request, -1 for the others.
        sampling: the canonical options, one for each of the table's generation kwargs.
    """

    table: RequestTable
    keys: NDArray[np.uint8]
    leader: NDArray[np.int64]
    cached: NDArray[np.bool_]
    order: NDArray[np.int64]
    seeds: NDArray[np.int64]
    sampling: tuple[SamplingParameters, ...]

    @property
    def unique(self) -> int:
        """The number of distinct requests."""
        return int(np.count_nonzero(self.leader == np.arange(len(self.leader))))


def request_seed(run_seed: int, digest: bytes, repeat: int) -> int:
    """Returns the seed of one sampled request: it depends on the run's seed, the content and the repeat alone."""
    return xxhash.xxh3_64_intdigest(b"%d %d " % (run_seed, repeat) + digest) >> 33


def request_key(fingerprint: str, digest: bytes, sampling: bytes) -> bytes:
    """Returns the 16-byte key under which a model's answer to a request is kept."""
    return xxhash.xxh3_128_digest(_key_head(sampling) + digest + fingerprint.encode())


def _key_head(sampling: bytes) -> bytes:
    return b"%d " % len(sampling) + sampling


def make_plan(
    table: RequestTable,
    cache: ResponseCache,
    fingerprint: str,
    *,
    seed: int,
    whole_dialogs: bool = False,
    shuffle_seed: int | None = None,
    cache_sampled: bool = True,
    ranks: NDArray[np.float64] | None = None,
) -> Plan:
    """Returns the plan for `table`.

    Args:
        table: the rows.
        cache: where answers may be already.
        fingerprint: the model's.
        seed: the run's seed, from which sampled requests get theirs.
        whole_dialogs: multi-round requests are answered as a whole (`Capabilities.runs_dialogs`), so that two of them
            differ even where their first rounds do not.
        cache_sampled: whether a sampled answer may come from the cache (under the seed of its own request).
        shuffle_seed: run in a random order instead of the good one; results must not change.
        ranks: float64 (N,). Rows of a lower rank run first; those of one rank in the good order.

    Raises:
        TaskError: a task's generation kwargs cannot be honoured (named, before anything is loaded).
    """
    sampling = _sampling_of(table)
    seeds = _seeds(table, sampling, seed)
    keys = _keys(table, fingerprint, sampling, seeds)
    if whole_dialogs:
        keys = _apart_by_document(table, keys)
    leader = _leaders(keys)
    cached = cache.contains(keys)
    if not cache_sampled:
        cached &= seeds < 0
    order = _order(table, sampling, np.flatnonzero(~cached & (leader == np.arange(len(leader)))))
    if shuffle_seed is not None:
        order = np.random.default_rng(shuffle_seed).permutation(order)
    if ranks is not None:
        earliest = np.full(len(table), np.inf)
        np.minimum.at(earliest, leader, ranks)  # a row runs when the first of those that want its answer should
        order = order[np.argsort(earliest[order], kind="stable")]
    return Plan(table, keys, leader, cached, order, seeds, sampling)


def _sampling_of(table: RequestTable) -> tuple[SamplingParameters, ...]:
    options = []
    for index, kwargs in enumerate(table.generation_kwargs):
        try:
            options.append(SamplingParameters.from_generation_kwargs(kwargs))
        except FastEvalError as error:
            rows = np.flatnonzero(table.generation == index)
            name = table.task_names[int(table.task[rows[0]])] if len(rows) else "--gen_kwargs"
            raise TaskError(f"{name}: {error}") from error
    return tuple(options)


def _seeds(table: RequestTable, sampling: Sequence[SamplingParameters], seed: int) -> NDArray[np.int64]:
    seeds = np.full(len(table), -1, np.int64)
    for index, options in enumerate(sampling):
        if not options.is_greedy:
            for row in np.flatnonzero(table.generation == index):
                repeat, digest = int(table.slot[row]), table.digest[row].tobytes()
                seeds[row] = request_seed(seed if options.seed is None else options.seed, digest, repeat)
    return seeds


def _keys(
    table: RequestTable, fingerprint: str, sampling: Sequence[SamplingParameters], seeds: NDArray[np.int64]
) -> NDArray[np.uint8]:
    # Of each options the part of the key that is before the digest; the last one is for index -1: nothing to choose.
    heads = [_key_head(options.canonical()) for options in sampling] + [_key_head(b"")]
    tail, digests = fingerprint.encode(), table.digest.tobytes()
    keys = bytearray()
    for row, (generation, seed) in enumerate(zip(table.generation.tolist(), seeds.tolist(), strict=True)):
        head = heads[generation] if seed < 0 else _key_head(sampling[generation].canonical(seed))
        keys += xxhash.xxh3_128_digest(head + digests[row * 16 : row * 16 + 16] + tail)
    return np.frombuffer(keys, np.uint8).reshape(len(table), 16)


def dialog_key(task: str, doc_id: int, key: bytes) -> bytes:
    """Returns the key of a whole dialog, whose first round has `key`: what follows depends on the document."""
    return xxhash.xxh3_128_digest(f"{task} {doc_id} ".encode() + key)


def _apart_by_document(table: RequestTable, keys: NDArray[np.uint8]) -> NDArray[np.uint8]:
    apart = keys.copy()
    for row in np.flatnonzero(table.kind == Kind.GENERATE_UNTIL_MULTI_ROUND):
        key = dialog_key(table.task_names[int(table.task[row])], int(table.doc[row]), keys[row].tobytes())
        apart[row] = np.frombuffer(key, np.uint8)
    return apart


def _leaders(keys: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Returns for each row the first row with the same key."""
    first: dict[bytes, int] = {}
    known = (first.setdefault(key, row) for row, key in enumerate(keys.view("V16").ravel().tolist()))
    return np.fromiter(known, np.int64, len(keys))


def _order(table: RequestTable, sampling: Sequence[SamplingParameters], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns `rows` by kind, long outputs first, one group of options after the other, equal media side by side.

    Within that the rows keep the documents' order, which is also where their prompts share prefixes. Nothing waits
    at the border of a group: the groups only decide who stands next to whom.
    """
    longest = np.array([-options.max_tokens for options in sampling] + [0], np.int64)
    generation = table.generation[rows]
    by = (rows, _media_rank(table)[rows], generation, longest[generation], table.kind[rows])  # the last counts most
    ordered: NDArray[np.int64] = rows[np.lexsort(by)]
    return ordered


def _media_rank(table: RequestTable) -> NDArray[np.int64]:
    """Returns for each row the first row that shows the same first medium; rows without media come first, as one."""
    rank = np.full(len(table), -1, np.int64)
    with_media = np.flatnonzero(np.diff(table.media_offsets))
    if len(with_media):
        sources = table.media_values[table.media_offsets[with_media]]
        _, first, inverse = np.unique(sources, axis=0, return_index=True, return_inverse=True)
        rank[with_media] = with_media[first[inverse.reshape(-1)]]
    return rank
