"""The response cache: what was written is read, damage is absence, and keys mean what they say."""

from __future__ import annotations

import math
import os
import random
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasteval.api.request import Response
from fasteval.cache import ResponseCache, arrivals, default_folder
from fasteval.cache.index import SegmentIndex
from fasteval.cache.line import encode_line
from fasteval.cache.segment import read_about
from fasteval.cache.value import encode_value
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
    folder = tmp_path / "above" / "cache"
    with ResponseCache.open(folder) as cache:
        for number in MANY:
            cache.append(key(number), answer(number))
    assert {0o700} == {path.stat().st_mode & 0o777 for path in (folder, folder.parent)}
    assert {".jsonl": 0o600, ".index": 0o600} == {path.suffix: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def test_the_environment_moves_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FASTEVAL_CACHE", str(tmp_path))
    assert tmp_path == default_folder()


def fill(folder: Path, numbers: range) -> Path:
    """Writes answers to `numbers` and returns their segment."""
    before = set(folder.glob("*.jsonl"))
    with ResponseCache.open(folder) as cache:
        for number in numbers:
            cache.append(key(number), answer(number))
    (segment,) = set(folder.glob("*.jsonl")) - before
    return segment


def answer(number: int) -> Response:
    return Response(texts=(f"answer {number} " * (number % 50),), output_tokens=number)


def present(folder: Path, numbers: range) -> list[int]:
    """Returns which of `numbers` the cache has; what it has must be right."""
    cache = ResponseCache.open(folder)
    rows_of = rows(*map(key, numbers))
    found = dict(zip(numbers, cache.get_many(rows_of), strict=True))
    assert [response is not None for response in found.values()] == cache.contains(rows_of).tolist()
    assert all(response in (None, answer(number)) for number, response in found.items())
    return [number for number, response in found.items() if response is not None]


MANY = range(700)  # enough for an index beside the segment


def test_a_large_segment_is_opened_from_its_index_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = fill(tmp_path, MANY)
    assert segment.with_suffix(".index").is_file()
    monkeypatch.setattr(SegmentIndex, "scan", lambda *_: pytest.fail("the segment was read"))
    assert list(MANY) == present(tmp_path, MANY)


@pytest.mark.parametrize("size", [0, 10, 47, 48, 49, 5000, -1])
def test_an_index_that_was_cut_short_is_made_anew(tmp_path: Path, size: int) -> None:
    index = fill(tmp_path, MANY).with_suffix(".index")
    whole = index.read_bytes()
    index.write_bytes(whole[:size])
    assert list(MANY) == present(tmp_path, MANY)
    assert whole == index.read_bytes()


@settings(max_examples=15)
@given(position=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_damaged_index_is_never_believed(tmp_path_factory: pytest.TempPathFactory, position: int, bit: int) -> None:
    folder = tmp_path_factory.mktemp("cache")
    index = fill(folder, MANY).with_suffix(".index")
    whole = index.read_bytes()
    damaged = bytearray(whole)
    damaged[position % len(damaged)] ^= 1 << bit
    index.write_bytes(damaged)
    assert list(MANY) == present(folder, MANY)


def test_an_index_of_an_older_state_is_made_anew(tmp_path: Path) -> None:
    segment = fill(tmp_path, MANY)
    line = encode_line(key(5000), encode_value(answer(5000), 0))
    segment.write_bytes(segment.read_bytes() + line)
    assert [*MANY, 5000] == present(tmp_path, range(6000))


def damage(data: bytearray, draw: random.Random) -> None:
    """Does one of the four things that happen to files."""
    position = draw.randrange(len(data))
    kind = draw.randrange(4)
    if kind == 0:
        data[position] ^= 1 << draw.randrange(8)
    elif kind == 1:
        data[position:position] = draw.randbytes(draw.randrange(1, 300))
    elif kind == 2:
        del data[position : position + draw.randrange(1, 300)]
    else:
        start = data.rfind(b"\n", 0, position) + 1
        stop = data.find(b"\n", position) + 1
        data[start:start] = data[start:stop]  # a line twice


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 30), keeps_time=st.booleans())
def test_damage_costs_the_damaged_lines_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int, *, keeps_time: bool
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    segment = fill(folder, MANY)
    status, data, draw = segment.stat(), bytearray(segment.read_bytes()), random.Random(seed)
    for _ in range(count):
        damage(data, draw)
    segment.write_bytes(data)
    if keeps_time:  # so that the index still seems to fit, where the size does
        os.utime(segment, ns=(status.st_atime_ns, status.st_mtime_ns))
    # Damage to a line's end takes its neighbour along, and a hole may reach over several lines.
    assert len(present(folder, MANY)) >= len(MANY) - 8 * count
    with ResponseCache.open(folder) as cache:
        missing = np.flatnonzero(~cache.contains(rows(*map(key, MANY))))
        for number in missing.tolist():
            cache.append(key(number), answer(number))
    assert list(MANY) == present(folder, MANY)


def test_a_flipped_bit_that_left_size_and_time_as_they_were_is_noticed_counted_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    segment = fill(tmp_path, MANY)
    status, data = segment.stat(), bytearray(segment.read_bytes())
    data[data.index(b"answer 77 ")] ^= 1
    segment.write_bytes(data)
    os.utime(segment, ns=(status.st_atime_ns, status.st_mtime_ns))
    cache = ResponseCache.open(tmp_path)
    found = cache.contains(rows(*map(key, MANY)))
    assert [77] == np.flatnonzero(~found).tolist()
    assert 1 == cache.damaged
    cache.contains(rows(key(77)))
    assert ["damaged lines: 1" in record.message for record in caplog.records] == [True]


def test_a_running_process_finds_what_another_one_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "_LOOK_SECONDS", 0.0)
    fill(tmp_path, range(3))
    with ResponseCache.open(tmp_path) as one, ResponseCache.open(tmp_path) as other:
        assert not one.arrived([key(7)])
        other.append(key(7), answer(7))
        assert {key(7): answer(7)} == one.arrived([key(1), key(7)])
        assert not one.arrived([key(1)])  # it was there before: `contains` has said so
        other.append(key(8), answer(8))
        assert {key(8): answer(8)} == one.arrived([key(8)])


WRITER = """
import sys
from pathlib import Path
from fasteval.api.request import Response
from fasteval.cache import ResponseCache
cache = ResponseCache.open(Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    cache.append(number.to_bytes(16, "big"), Response((str(number),)))
    print(number, flush=True)
    number += 2
"""


def test_two_killed_writers_lose_nothing_that_they_had_written(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen([*command, start], stdout=subprocess.PIPE, text=True) for start in ("0", "1")]
    written = []
    for writer in writers:
        assert writer.stdout is not None
        written += [int(writer.stdout.readline()) for _ in range(200)]
    for writer in writers:
        writer.kill()
        assert writer.stdout is not None
        written += [int(line) for line in writer.stdout.read().split()]
        writer.wait()
        writer.stdout.close()
    assert len(written) >= 400
    cache = ResponseCache.open(tmp_path)
    assert [Response((str(number),)) for number in written] == list(cache.get_many(rows(*map(key, written))))
    assert 0 == cache.damaged


def test_a_disk_that_is_full_in_the_middle_of_a_line_leaves_the_lines_before_it(tmp_path: Path) -> None:
    program = f"""
import resource, sys
from pathlib import Path
from fasteval.api.request import Response
from fasteval.cache import ResponseCache
from fasteval.errors import CacheError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
cache = ResponseCache.open(Path({str(tmp_path)!r}))
for number in range(100):
    try:
        cache.append(number.to_bytes(16, "big"), Response((str(number),)))
    except CacheError as error:
        print(number, error)
        break
assert cache.get((0).to_bytes(16, "big")) == Response(("0",))
"""
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    number, _, message = output.partition(" ")
    assert message.startswith(f"cannot write to the response cache {tmp_path}: ")
    assert "kept" in message
    cache = ResponseCache.open(tmp_path)
    assert [True] * int(number) + [False] == cache.contains(rows(*map(key, range(int(number) + 1)))).tolist()
    assert 0 == cache.damaged


def test_a_folder_that_cannot_be_written_to_is_said_before_the_first_answer(tmp_path: Path) -> None:
    fill(tmp_path / "cache", range(3))
    with ResponseCache.open(tmp_path / "cache") as cache:
        shutil.rmtree(tmp_path / "cache")
        with pytest.raises(CacheError, match=r"cannot write to the response cache .*: No such file or directory"):
            cache.prepare()


def test_a_run_that_added_nothing_leaves_no_segment(tmp_path: Path) -> None:
    with ResponseCache.open(tmp_path, {"model": "demo"}) as cache:
        cache.prepare()
        assert 1 == len(list(tmp_path.iterdir()))
    assert [] == list(tmp_path.iterdir())


def test_a_segment_says_which_model_its_answers_are_of(tmp_path: Path) -> None:
    about = {"model": "demo", "fingerprint": "f" * 32}
    with ResponseCache.open(tmp_path, about) as cache:
        cache.append(key(1), answer(1))
    (segment,) = tmp_path.glob("*.jsonl")
    assert about == read_about(segment)
    assert 1 == len(ResponseCache.open(tmp_path))


def test_a_folder_that_others_may_write_to_is_talked_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tmp_path.chmod(0o777)
    ResponseCache.open(tmp_path)
    assert "others may write" in caplog.text
