from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fasteval.models.vllm.scoring import ContextRoom


def test_a_context_enters_if_it_fits_into_each_cache() -> None:
    room = ContextRoom(100, 10)
    assert room.enter((60, 5))
    assert not room.enter((50, 1))
    assert not room.enter((10, 6))
    assert room.enter((40, 5))


def test_a_context_that_is_too_large_enters_an_empty_room_alone() -> None:
    room = ContextRoom(100)
    assert room.enter((500,))
    assert not room.enter((1,))
    room.leave((500,))
    assert room.enter((1,))


def test_a_cache_of_unknown_size_is_no_limit() -> None:
    room = ContextRoom(0)
    assert all(room.enter((1 << 40,)) for _ in range(3))


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), max_size=20))
def test_when_all_have_left_the_room_is_as_it_was(contexts: list[tuple[int, int]]) -> None:
    room = ContextRoom(100, 100)
    for needs in [needs for needs in contexts if room.enter(needs)]:
        room.leave(needs)
    assert room.enter((100, 100))
