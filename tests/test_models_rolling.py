from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval.models.host.tokenizer import rolling_windows

_tokens = st.lists(st.integers(0, 99), max_size=60)
_lengths = st.integers(2, 20)


@given(tokens=_tokens, length=_lengths)
def test_each_token_is_scored_exactly_once_in_order(tokens: list[int], length: int) -> None:
    assert tokens == [token for _, scored in rolling_windows(tokens, 100, length) for token in scored]


@given(tokens=_tokens, length=_lengths)
def test_no_window_is_longer_than_the_model(tokens: list[int], length: int) -> None:
    assert all(len(context) + len(scored) <= length for context, scored in rolling_windows(tokens, 100, length))


@given(tokens=_tokens, length=_lengths)
def test_each_context_is_what_stands_before_the_scored_tokens(tokens: list[int], length: int) -> None:
    text, position = [100, *tokens], 1
    for context, scored in rolling_windows(tokens, 100, length):
        assert text[position - len(context) : position] == context
        assert context
        position += len(scored)


@given(tokens=_tokens, length=_lengths)
def test_windows_behind_the_first_are_full(tokens: list[int], length: int) -> None:
    for context, scored in list(rolling_windows(tokens, 100, length))[1:]:
        assert length == len(context) + len(scored)


def test_the_last_window_reaches_back_for_context() -> None:
    windows = [([9], [0, 1, 2]), ([2], [3, 4, 5]), ([4, 5], [6, 7])]
    assert windows == list(rolling_windows(range(8), 9, 4))


def test_a_model_without_room_for_a_scored_token_is_refused() -> None:
    with pytest.raises(ValueError, match="no room"):
        list(rolling_windows([1], 0, 1))
