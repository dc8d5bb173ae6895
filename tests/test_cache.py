"""The response cache: what was written is read, damage is absence, and keys mean what they say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasteval.api.request import Response
from fasteval.cache import ResponseCache, default_folder
from fasteval.cache.segment import encode_line
from fasteval.errors import CacheError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

responses = st.builds(
    Response,
    texts=st.lists(st.text(), max_size=3).map(tuple),
    logprob=st.none() | st.floats(allow_nan=False),
    is_greedy=st.none() | st.booleans(),
    prompt_tokens=st.integers(0, 10**6),
    output_tokens=st.integers(0, 10**6),
    finish_reason=st.sampled_from([None, "stop", "length"]),
)


def rows(*keys: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 16)


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


@settings(max_examples=50)
@given(st.dictionaries(st.binary(min_size=16, max_size=16), responses, max_size=20))
def test_what_was_written_is_read_by_the_next_run(
    tmp_path_factory: pytest.TempPathFactory, answers: dict[bytes, Response]
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    with ResponseCache.open(folder) as cache:
        for name, response in answers.items():
            cache.append(name, response)
        assert answers == {name: cache.get(name) for name in answers}
    with ResponseCache.open(folder) as again:
        assert answers == {name: again.get(name) for name in answers}
        assert len(answers) == len(again)


def test_an_answer_is_on_disk_before_append_returns(tmp_path: Path) -> None:
    writer, reader = ResponseCache.open(tmp_path), None
    writer.append(key(1), Response(texts=("yes",)))
    reader = ResponseCache.open(tmp_path)
    assert Response(texts=("yes",)) == reader.get(key(1))
    writer.close()


def test_minus_infinity_survives(tmp_path: Path) -> None:
    with ResponseCache.open(tmp_path) as cache:
        cache.append(key(1), Response(logprob=-math.inf, is_greedy=False))
    assert Response(logprob=-math.inf, is_greedy=False) == ResponseCache.open(tmp_path).get(key(1))


def test_contains_answers_for_many_keys_at_once(tmp_path: Path) -> None:
    with ResponseCache.open(tmp_path) as cache:
        for number in range(0, 100, 2):
            cache.append(key(number), Response(texts=(str(number),)))
    found = ResponseCache.open(tmp_path).contains(rows(*(key(number) for number in range(100))))
    assert [number % 2 == 0 for number in range(100)] == found.tolist()


def test_keys_that_share_their_first_half_are_told_apart(tmp_path: Path) -> None:
    with ResponseCache.open(tmp_path) as cache:
        cache.append(b"same pre" + b"fix one.", Response(texts=("one",)))
        cache.append(b"same pre" + b"fix two.", Response(texts=("two",)))
    again = ResponseCache.open(tmp_path)
    assert Response(texts=("two",)) == again.get(b"same pre" + b"fix two.")
    assert [True, False] == again.contains(rows(b"same prefix one.", b"same prefix six.")).tolist()


@settings(max_examples=100)
@given(position=st.integers(0, 10**6), value=st.integers(0, 255))
def test_a_changed_byte_never_gives_a_wrong_answer(
    tmp_path_factory: pytest.TempPathFactory, position: int, value: int
) -> None:
    answers = {key(number): Response(texts=(f"answer {number}",)) for number in range(5)}
    folder = tmp_path_factory.mktemp("cache")
    with ResponseCache.open(folder) as cache:
        for name, response in answers.items():
            cache.append(name, response)
    (segment,) = folder.glob("*.jsonl")
    data = bytearray(segment.read_bytes())
    data[position % len(data)] = value
    segment.write_bytes(data)
    damaged = ResponseCache.open(folder)
    read = {name: damaged.get(name) for name in answers}
    assert all(response in (None, answers[name]) for name, response in read.items())
    assert sum(response is None for response in read.values()) <= 2  # a lost newline joins two lines


def test_a_torn_last_line_is_absent_and_counted(tmp_path: Path) -> None:
    line = encode_line(key(1), b'{"texts":["a"]}')
    (tmp_path / "1.jsonl").write_bytes(line + line[: len(line) // 2])
    cache = ResponseCache.open(tmp_path)
    assert (1, 1) == (len(cache), cache.damaged)


def test_an_answer_computed_again_after_damage_is_found(tmp_path: Path) -> None:
    with ResponseCache.open(tmp_path) as cache:
        cache.append(key(1), Response(texts=("first",)))
    (segment,) = tmp_path.glob("*.jsonl")
    segment.write_bytes(segment.read_bytes().replace(b"first", b"worst"))
    with ResponseCache.open(tmp_path) as cache:
        assert cache.get(key(1)) is None
        cache.append(key(1), Response(texts=("second",)))
    assert Response(texts=("second",)) == ResponseCache.open(tmp_path).get(key(1))


def test_a_run_without_a_cache_remembers_its_own_answers() -> None:
    cache = ResponseCache.in_memory()
    cache.append(key(1), Response(texts=("a",)))
    assert [True, False] == cache.contains(rows(key(1), key(2))).tolist()


def test_a_cache_that_is_a_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="cannot open the response cache"):
        ResponseCache.open(tmp_path / "file")


def test_the_folder_belongs_to_its_user(tmp_path: Path) -> None:
    with ResponseCache.open(tmp_path / "cache") as cache:
        cache.append(key(1), Response())
    assert 0o700 == (tmp_path / "cache").stat().st_mode & 0o777
    assert {0o600} == {path.stat().st_mode & 0o777 for path in (tmp_path / "cache").iterdir()}


def test_the_environment_moves_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FASTEVAL_CACHE", str(tmp_path))
    assert tmp_path == default_folder()
