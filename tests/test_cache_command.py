"""`fasteval cache`: what is in a cache, what is damaged, what goes and what stays; and what keys are made of."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fasteval
from fasteval.api.request import Response
from fasteval.cache import ResponseCache
from fasteval.cache.entries import damage, entries, exported_lines
from fasteval.cache.folder import hold
from fasteval.cache.line import encode_line
from fasteval.cache.maintenance import merge, rewrite, statistics
from fasteval.cli import main
from fasteval.errors import CacheError
from fasteval.models.replay import ReplayEngine
from tests.stubs import echo
from tests.test_evaluation import folder

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["folder"]  # the fixture with one task of each kind

DAY = 86400
MODELS = {name: {"model": name, "fingerprint": digit * 32} for name, digit in (("one", "1"), ("other", "2"))}


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def fill(cache: Path, model: str, *numbers: int, age: float = 0, text: str = "") -> Path:
    """Adds answers as if they had been written `age` seconds ago; returns their segment."""
    before = set(cache.glob("*.jsonl"))
    with pytest.MonkeyPatch.context() as patch:
        now = time.time() - age
        patch.setattr("fasteval.cache.store.time.time", lambda: now)
        with ResponseCache.open(cache, MODELS[model]) as opened:
            for number in numbers:
                opened.append(key(number), Response((text or f"{model} {number}",)))
    (segment,) = set(cache.glob("*.jsonl")) - before
    return segment


def contents(cache: Path) -> dict[int, str]:
    with ResponseCache.open(cache) as opened:
        numbers = sorted({int.from_bytes(entry.key, "big") for entry in entries(cache)})
        found = opened.get_many(np.frombuffer(b"".join(map(key, numbers)), np.uint8).reshape(-1, 16))
        return {number: response.texts[0] for number, response in zip(numbers, found, strict=True) if response}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Two models' answers, the first one's old, one answer twice and one line damaged."""
    made = tmp_path / "cache"
    damaged = fill(made, "one", 1, 2, 3, age=10 * DAY)
    fill(made, "other", 3, 4, 5)
    damaged.write_bytes(damaged.read_bytes().replace(b"one 2", b"one X"))
    return made


def test_statistics_count_models_superseded_and_damaged_lines(cache: Path) -> None:
    found = statistics(cache)
    assert (2, 4, 1, 1) == (found.segments, found.entries, found.superseded, found.damaged)
    assert {"1" * 32: 1, "2" * 32: 3} == {name: share.entries for name, share in found.models.items()}
    assert DAY > time.time() - found.models["2" * 32].oldest
    assert 9 * DAY < time.time() - found.models["1" * 32].newest < 11 * DAY


def test_stats_are_printed_model_by_model(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["cache", "--use_cache", str(cache), "stats"])
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"{cache}: 4 answers, ")
    assert ["other", "222222222222", "3", "answers,"] == said[1].split()[:4]
    assert "1 superseded and 1 damaged lines: `fasteval cache compact`" == said[-1]


def test_verify_names_the_damaged_line_and_fails(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = damage(cache)
    assert b"one X" in found.path.read_bytes()[found.offset : found.offset + found.length]
    assert 1 == main(["cache", "-c", str(cache), "verify"])
    assert f"{found.path}: byte {found.offset}: damaged line of {found.length} bytes" in capsys.readouterr().out
    rewrite(cache)
    assert 0 == main(["cache", "-c", str(cache), "verify"])


def test_compact_keeps_every_answer_once_with_its_model_and_time(cache: Path) -> None:
    before = contents(cache)
    times = {entry.key: int(entry.written) for entry in entries(cache)}
    done = rewrite(cache)
    assert (4, 0) == (done.kept, done.removed)
    assert done.bytes_after < done.bytes_before
    assert before == contents(cache) == {1: "one 1", 3: "other 3", 4: "other 4", 5: "other 5"}
    after = statistics(cache)
    assert (2, 0, 0) == (after.segments, after.superseded, after.damaged)
    assert {key(1): times[key(1)], key(5): times[key(5)]}.items() <= {
        entry.key: int(entry.written) for entry in entries(cache)
    }.items()
    assert {0o600} == {path.stat().st_mode & 0o777 for path in cache.iterdir()}


@pytest.mark.parametrize(
    ("flags", "left"),
    [
        (["--older_than", "5d"], {3, 4, 5}),
        (["--older_than", "2w"], {1, 3, 4, 5}),
        (["--model", "one"], {3, 4, 5}),
        (["--model", "222222"], {1}),
        (["--max_size", "1G"], {1, 3, 4, 5}),
        (["--max_size", "600"], set()),
        (["--max_size", "700"], {3, 4, 5}),
    ],
    ids=str,
)
def test_prune_removes_what_is_named(cache: Path, flags: list[str], left: set[int]) -> None:
    assert 0 == main(["cache", "-c", str(cache), "prune", *flags])
    assert left == set(contents(cache))


@pytest.mark.parametrize("flags", [[], ["--older_than", "soon"], ["--max_size", "2Q"], ["--max_size", "-1"]], ids=str)
def test_a_prune_that_means_nothing_is_a_mistake_and_removes_nothing(cache: Path, flags: list[str]) -> None:
    assert 2 == main(["cache", "-c", str(cache), "prune", *flags])
    assert 4 == len(contents(cache))


@pytest.mark.parametrize("command", ["prune", "export"])
def test_a_model_that_the_cache_does_not_have_offers_the_nearest(
    cache: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert 2 == main(["cache", "-c", str(cache), command, "--model", "othr"])
    assert "unknown model 'othr': did you mean 'other'?" in capsys.readouterr().err
    assert 4 == len(contents(cache))


def test_merge_adds_what_is_not_there_while_runs_go_on(cache: Path, tmp_path: Path) -> None:
    with ResponseCache.open(tmp_path / "target", MODELS["one"]) as running:
        running.append(key(4), Response(("mine",)))
        assert 3 == merge(tmp_path / "target", cache)
        assert 0 == merge(tmp_path / "target", cache)
    assert {1: "one 1", 3: "other 3", 4: "mine", 5: "other 5"} == contents(tmp_path / "target")
    assert {"1" * 32: 2, "2" * 32: 2} == {
        name: share.entries for name, share in statistics(tmp_path / "target").models.items()
    }


def test_nothing_is_rewritten_under_a_running_process(cache: Path) -> None:
    with ResponseCache.open(cache), pytest.raises(CacheError, match="in use by a run"):
        rewrite(cache)
    assert 4 == rewrite(cache).kept


def test_a_run_that_begins_during_a_rewrite_waits_for_its_end(cache: Path) -> None:
    lock = hold(cache, alone=True)
    assert lock is not None
    opened: list[ResponseCache] = []
    waiting = threading.Thread(target=lambda: opened.append(ResponseCache.open(cache)))
    waiting.start()
    waiting.join(0.2)
    assert [] == opened
    os.close(lock)
    waiting.join()
    assert [4] == [len(run) for run in opened]


def test_a_rewrite_that_cannot_write_leaves_all_as_it_was(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in cache.iterdir()}
    write, calls = os.write, []

    def full(descriptor: int, data: bytes) -> int:
        calls.append(data)
        if len(calls) > 3:
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(CacheError, match="No space left on device; it is as it was"):
        rewrite(cache)
    assert before == {path.name: path.read_bytes() for path in cache.iterdir()}


def test_export_writes_plain_json_lines(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["cache", "-c", str(cache), "export", "--model", "other"])
    lines = [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {(key(n).hex(), "other", f"other {n}") for n in (3, 4, 5)} == {
        (line["key"], line["model"], line["texts"][0]) for line in lines
    }


def test_a_cache_that_is_not_there_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == main(["cache", "-c", str(tmp_path / "none"), "stats"])
    assert f"there is no response cache {tmp_path / 'none'}" in capsys.readouterr().err


@settings(max_examples=40)
@given(st.binary(max_size=400), st.integers(0, 3))
def test_no_bytes_make_the_readers_fail(tmp_path_factory: pytest.TempPathFactory, garbage: bytes, place: int) -> None:
    cache = tmp_path_factory.mktemp("cache")
    lines = [encode_line(key(n), b'{"texts":["a"],"logprob":null}') for n in range(3)]
    forged = encode_line(key(7), garbage.replace(b"\n", b""))
    (cache / "1.jsonl").write_bytes(b"".join([*lines[:place], garbage, *lines[place:], forged]))
    found = {int.from_bytes(entry.key, "big") for entry in entries(cache)}
    assert len({0, 1, 2} - found) <= 1
    assert found <= {0, 1, 2, 7}
    with ResponseCache.open(cache) as opened:
        assert len(found) == len(opened)
    damage(cache), statistics(cache), list(exported_lines(cache)), rewrite(cache), contents(cache)


def run(folder: Path, output: Path, model: str = "model", **options: Any) -> None:
    fasteval.evaluate(
        ReplayEngine(echo, fingerprint=model), ["generate", "sampled"],
        include_path=(str(folder),), bootstrap_iters=0, output_path=output, **options,
    )  # fmt: skip


def explained(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[str]:
    capsys.readouterr()
    assert 0 == main(["cache", "explain", *map(str, arguments)])
    return capsys.readouterr().out.splitlines()


def test_explain_shows_the_parts_of_keys(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder, tmp_path / "one")
    said = explained(capsys, tmp_path / "one")
    assert "model.parts.backend: replay" in said
    assert "seeds.run: 1234" in said
    assert any(line.startswith("tasks.generate.requests: ") for line in said)


def test_explain_says_which_part_two_runs_do_not_share(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(folder, tmp_path / "one")
    run(folder, tmp_path / "same", window=1, limit=None)
    run(folder, tmp_path / "model", model="other")
    run(folder, tmp_path / "seed", seed=5)
    run(folder, tmp_path / "length", gen_kwargs={"max_new_tokens": 7})
    assert ["the two runs share every part of their keys: each finds the other's answers"] == explained(
        capsys, tmp_path / "one", tmp_path / "same"
    )
    assert ["model.parts.name: model -> other"] == explained(capsys, tmp_path / "one", tmp_path / "model")
    assert ["seeds.run: 1234 -> 5"] == explained(capsys, tmp_path / "one", tmp_path / "seed")
    assert ["tasks.generate.sampling", "tasks.sampled.sampling"] == [
        line.partition(":")[0] for line in explained(capsys, tmp_path / "one", tmp_path / "length")
    ]


def test_explain_says_of_a_document_whether_its_answers_are_there(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(folder, tmp_path / "one")
    run(folder, tmp_path / "seed", seed=5, no_cache=True)
    flags = ("--task", "sampled", "--doc", 3)
    said = explained(capsys, tmp_path / "one", *flags)
    assert 3 == len(said)
    assert all(line.endswith(": in the cache") for line in said)
    both = explained(capsys, tmp_path / "seed", tmp_path / "one", *flags)
    assert all(line.endswith(": not in the cache; another one in the other run") for line in both[:3])
    assert "seeds.run: 5 -> 1234" == both[3]
