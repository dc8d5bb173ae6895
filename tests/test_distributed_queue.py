"""The queue that replicas pull from: nothing is lost or given twice, nobody idles while there is work."""

from __future__ import annotations

import heapq
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval.distributed.queue import WorkQueue

if TYPE_CHECKING:
    from collections.abc import Sequence


def filled(replicas: int, families: Sequence[object], window: int = 32) -> WorkQueue:
    """Returns a queue with one request for each of `families`."""
    queue = WorkQueue(replicas, window)
    for row, family in enumerate(families):
        queue.add([row], family)
    return queue


@given(
    replicas=st.integers(1, 5),
    window=st.integers(1, 200),
    families=st.lists(st.integers(0, 6), max_size=80),
    seed=st.integers(0, 1 << 30),
)
def test_each_request_is_answered_once_however_replicas_die(
    replicas: int, window: int, families: list[int], seed: int
) -> None:
    draw, queue, answered = Random(seed), WorkQueue(replicas, window), list[int]()
    bundles = [tuple(range(row * 3, row * 3 + 1 + row % 3)) for row in range(len(families))]
    to_add = list(zip(bundles, families, strict=True))
    for _ in range(10_000):
        if to_add and draw.random() < 0.3:
            queue.add(*to_add.pop())
        replica = draw.randrange(replicas)
        room, in_hand, waiting = queue.room(replica), len(queue.in_hand(replica)), queue.waiting
        taken = queue.take(replica)
        assert len(taken) <= max(0, room) + 2  # a bundle of three begins with room for one
        assert bool(taken) == (room > 0 and waiting > 0)
        assert taken or in_hand or not waiting, "it idles while there is work"
        for row in list(queue.in_hand(replica))[: draw.randrange(4)]:
            queue.settle(replica, row)
            answered.append(row)
        if draw.random() < 0.05:
            queue.give_back(replica, list(queue.in_hand(replica))[draw.randrange(3) :])
        assert queue.outstanding == queue.waiting + sum(len(queue.in_hand(each)) for each in range(replicas))
        if not to_add and not queue.outstanding:
            break
    assert sorted(row for bundle in bundles for row in bundle) == sorted(answered)


@given(st.integers(1, 8), st.integers(1, 300), st.integers(1, 500))
def test_a_pull_leaves_the_others_their_share(replicas: int, window: int, total: int) -> None:
    queue = filled(replicas, range(total), window)
    small_batch = min(max(1, window // 8), -(-total // replicas))
    assert len(queue.take(0)) <= max(small_batch, total // (2 * replicas))


def test_what_is_in_hand_shrinks_to_a_small_batch_at_the_end() -> None:
    queue = filled(2, range(1000), 128)
    sizes = []
    while queue.waiting:
        queue.take(0)
        sizes.append(len(queue.in_hand(0)))
        for row in list(queue.in_hand(0))[:4]:
            queue.settle(0, row)
    assert sizes == sorted(sizes, reverse=True)
    assert 128 == sizes[0]
    assert max(sizes[-4:]) <= 128 // 8


@pytest.mark.parametrize("slow_first", [True, False])
def test_replicas_finish_skewed_work_together(slow_first: bool) -> None:
    durations = [10] * 400 + [1] * 400 if slow_first else [1] * 400 + [10] * 400
    replicas, slots = 2, 8
    queue = filled(replicas, range(800), 8 * slots)
    begun = [set[int]() for _ in range(replicas)]
    ends: list[tuple[int, int, int]] = []  # when a replica is done with a row
    now = 0
    while queue.outstanding:
        for replica in range(replicas):
            queue.take(replica)
            free = slots - sum(of == replica for _, of, _ in ends)
            for row in [row for row in queue.in_hand(replica) if row not in begun[replica]][:free]:
                begun[replica].add(row)
                heapq.heappush(ends, (now + durations[row], replica, row))
        now, replica, row = heapq.heappop(ends)
        queue.settle(replica, row)
    assert now <= 1.15 * sum(durations) / (replicas * slots)


def test_requests_of_a_family_go_where_its_first_one_went() -> None:
    queue = filled(2, ["a", "b"] * 50)
    queue.take(0)
    queue.take(1)
    for replica, parity in ((0, 0), (1, 1)):
        assert {parity} == {row % 2 for row in queue.in_hand(replica)}
    queue.add([1000], "a")
    queue.add([1001], "b")
    for _ in range(60):
        for replica in (1, 0):
            for row in list(queue.in_hand(replica))[:1]:
                queue.settle(replica, row)
            assert 1000 not in queue.in_hand(1)
            queue.take(replica)
            if not queue.waiting:
                return


def test_one_family_keeps_all_replicas_at_work() -> None:
    queue = filled(4, ["everybody shows this"] * 400)
    assert [32, 32, 32, 32] == [len(queue.take(replica)) for replica in range(4)]


def test_choices_of_a_question_are_not_torn_apart() -> None:
    queue = WorkQueue(2, 1)
    queue.add(range(4), "a question")
    assert [0, 1, 2, 3] == queue.take(0)


def test_what_a_dead_replica_had_is_taken_next_by_the_others() -> None:
    queue = filled(2, range(64), 64)
    lost = queue.take(0)
    queue.give_back(0, lost)
    assert lost[: len(lost) // 2] == queue.take(1)[: len(lost) // 2]


def test_a_suspect_stays_with_its_replica_when_the_rest_goes_back() -> None:
    queue = filled(2, range(8), 64)
    suspect, *others = queue.take(0)
    queue.give_back(0, others)
    assert [suspect] == list(queue.in_hand(0))
    assert 8 == queue.outstanding


@pytest.mark.parametrize("taken", [[], [0]])
def test_a_dropped_request_is_not_waited_for(taken: list[int]) -> None:
    queue = filled(1, "aab", 1)
    if taken:
        assert taken == queue.take(0)
    queue.drop([0, 2])
    assert 1 == queue.outstanding
    assert [1] == queue.take(0)
