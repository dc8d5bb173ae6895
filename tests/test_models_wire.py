from __future__ import annotations

import math
from multiprocessing import Pipe
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval import errors
from fasteval.api.request import Completion, Kind, Response
from fasteval.media import Media
from fasteval.models.host.wire import (
    Frame,
    HostRequest,
    Wire,
    decode_completions,
    decode_failure,
    decode_requests,
    encode_completions,
    encode_failure,
    encode_requests,
)
from fasteval.models.sampling import SamplingParameters

if TYPE_CHECKING:
    from collections.abc import Iterator

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_media = st.builds(
    Media,
    kind=st.just("image"),
    source=st.binary(max_size=40) | _texts,
    content_id=st.uuids().map(lambda value: value.hex),
    operations=st.sampled_from([(), (("convert", "RGB"),)]),
    raw=st.sampled_from([None, ("RGB", 2, 3)]),
)
_requests = st.builds(
    HostRequest,
    row=st.integers(0, 2**40),
    kind=st.sampled_from(Kind),
    text=_texts,
    is_plain=st.booleans(),
    continuation=st.none() | _texts,
    media=st.lists(_media, max_size=3).map(tuple),
    sampling=st.none()
    | st.just(SamplingParameters(max_tokens=5, max_tokens_given=True, temperature=0.7, stop=("a", "\n"), seed=1)),
    seed=st.none() | st.integers(0, 2**63 - 1),
)
_completions = st.builds(
    Completion,
    row=st.integers(0, 2**40),
    response=st.none()
    | st.builds(
        Response,
        texts=st.lists(_texts, max_size=2).map(tuple),
        logprob=st.none() | st.floats(allow_nan=False),
        is_greedy=st.none() | st.booleans(),
    ),
    error=st.none() | _texts,
)


@pytest.fixture
def wires() -> Iterator[tuple[Wire, Wire]]:
    one, other = (Wire(end) for end in Pipe())
    yield one, other
    one.close()
    other.close()


@given(requests=st.lists(_requests, max_size=4))
def test_requests_arrive_as_they_were_sent(requests: list[HostRequest]) -> None:
    assert requests == decode_requests(encode_requests(requests))


@given(completions=st.lists(_completions, max_size=4))
def test_completions_arrive_as_they_were_sent_to_the_last_bit(completions: list[Completion]) -> None:
    assert completions == decode_completions(encode_completions(completions, {}))


def test_an_impossible_continuation_keeps_its_infinite_log_probability() -> None:
    frame = encode_completions([Completion(1, Response(logprob=-math.inf, is_greedy=False))], {})
    (completion,) = decode_completions(frame)
    assert completion.response is not None
    assert -math.inf == completion.response.logprob


def test_a_medium_that_many_requests_share_travels_once() -> None:
    medium = Media("image", b"picture", "0" * 32)
    requests = [HostRequest(row, Kind.GENERATE_UNTIL, "x", media=(medium, medium)) for row in range(5)]
    assert (b"picture",) == encode_requests(requests).blobs


def test_frames_cross_the_wire_with_their_blobs(wires: tuple[Wire, Wire]) -> None:
    frame = Frame("requests", {"number": 1}, (b"", b"\x00\xff" * 1000))
    wires[0].send(frame)
    assert frame == wires[1].receive(5)


def test_receive_gives_none_when_nothing_comes_in_time(wires: tuple[Wire, Wire]) -> None:
    assert None is wires[0].receive(0)


def test_receive_tells_when_the_other_side_is_gone(wires: tuple[Wire, Wire]) -> None:
    wires[0].close()
    with pytest.raises((EOFError, OSError)):
        wires[1].receive(5)


def test_a_message_of_unknown_type_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="unknown message type 'greeting'"):
        Frame("greeting")


@pytest.mark.parametrize(
    "error",
    [errors.CheckpointError("c"), errors.UnsupportedError("u"), errors.EngineError("e"), errors.UsageError("f")],
)
def test_an_error_keeps_its_class_and_its_text(error: errors.FastEvalError) -> None:
    arrived = decode_failure(encode_failure(error))
    assert (type(error), str(error)) == (type(arrived), str(arrived))


def test_an_unknown_name_keeps_its_suggestion() -> None:
    arrived = decode_failure(encode_failure(errors.UnknownNameError("model argument", "max_num_seq", ["max_num_seqs"])))
    assert "unknown model argument 'max_num_seq': did you mean 'max_num_seqs'?" == str(arrived)
    assert isinstance(arrived, errors.UsageError)


def test_any_other_exception_becomes_an_engine_error_of_one_line() -> None:
    arrived = decode_failure(encode_failure(RuntimeError("first line\nsecond line")))
    assert errors.EngineError is type(arrived)
    assert "RuntimeError: first line" == str(arrived)
