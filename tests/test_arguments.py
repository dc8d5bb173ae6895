"""`name=value` strings."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval.api.arguments import parse_arguments
from fasteval.errors import UsageError


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ({}, ""),
        ({"pretrained": "a/b", "n": 2, "t": 0.5}, "pretrained=a/b,n=2,t=0.5"),
        ({"flag": True, "other": False, "nothing": None}, "flag=True,other=false,nothing=None"),
        ({"list": [1, 2], "next": 3}, "list=[1,2],next=3"),
        ({"object": {"a": [1, {"b": 2}]}}, 'object={"a": [1, {"b": 2}]}'),
        ({"quoted": "x,y", "number": "7"}, "quoted='x,y',number=\"7\""),
        ({"until": "a=b"}, "until=a=b"),
        ({"a": 1, "b": [2]}, '{"a": 1, "b": [2]}'),
        ({"a": 1}, " a = 1 , "),
    ],
)
def test_arguments_are_read_with_their_types(expected: dict[str, object], text: str) -> None:
    assert expected == parse_arguments(text)


@pytest.mark.parametrize("text", ["pretrained", "=1", "a=1,b", "{broken", '{"a": }'])
def test_an_entry_that_is_no_argument_is_named(text: str) -> None:
    with pytest.raises(UsageError):
        parse_arguments(text)


@given(st.text())
def test_any_text_gives_arguments_or_a_usage_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert isinstance(parse_arguments(text), dict)
