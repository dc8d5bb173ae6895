"""Checkpoints in the order of their steps, whole ones only, each once; and what a sweep of them says."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fasteval.cli import main
from fasteval.errors import CheckpointError, UsageError
from fasteval.evaluation.settings import RunSettings
from fasteval.sweep import Checkpoint, CheckpointWatch, Sweep, find_checkpoints
from tests.capitals import TASK
from tests.checkpoints import make_llama

if TYPE_CHECKING:
    from collections.abc import Callable


class Time:
    """A clock that goes on when somebody sleeps; `events` happen at their second."""

    def __init__(self, events: dict[float, Callable[[], object]]) -> None:
        self.now, self.events = 0.0, events

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for moment in sorted(self.events):
            if moment <= self.now:
                self.events.pop(moment)()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for step in (5, 10, 100):
        make_llama(tmp_path / "runs" / f"step-{step}")
    return tmp_path / "runs"


def steps(checkpoints: list[Checkpoint]) -> list[int | None]:
    return [checkpoint.step for checkpoint in checkpoints]


def test_checkpoints_come_in_the_order_of_their_steps_each_once(runs: Path) -> None:
    (runs / "step-7.log").write_text("no folder")
    assert [5, 10, 100] == steps(find_checkpoints([str(runs / "step-*"), str(runs / "step-5")]))


@pytest.mark.parametrize(
    ("pattern", "step"), [("run-3/*/hf", 20), ("run-3/step-20/hf", None), ("**/hf", 20), ("run-3/step-*/h?", 20)]
)
def test_the_step_is_the_last_number_in_what_the_pattern_leaves_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, step: int | None
) -> None:
    (tmp_path / "run-3" / "step-20" / "hf").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert [step] == steps(find_checkpoints([pattern]))


def test_a_folder_that_is_not_there_is_an_error_and_a_pattern_without_matches_is_not_yet(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        find_checkpoints([str(tmp_path / "nowhere")])
    assert [] == find_checkpoints([str(tmp_path / "step-*")])


def test_weights_that_end_before_their_header_says_are_not_whole(runs: Path) -> None:
    path = runs / "step-5" / "model.safetensors"
    content = path.read_bytes()
    checkpoint = Checkpoint(runs / "step-5", 5)
    for length in (0, 7, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        assert "model.safetensors is damaged or not written to its end" == checkpoint.missing()
    path.write_bytes(content)
    assert checkpoint.missing() is None


def test_a_watch_gives_each_checkpoint_once_when_it_is_whole_and_rests(runs: Path) -> None:
    path = runs / "step-10" / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:1000])
    index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (runs / "step-5" / "model.safetensors.index.json").write_text(json.dumps(index))
    time = Time(
        {
            10: lambda: path.write_bytes(content),
            11: lambda: (runs / "step-10" / "tokenizer_config.json").write_text("{}"),
            20: lambda: (runs / "step-5" / "model-2.safetensors").write_bytes(content),
        }
    )
    watch = CheckpointWatch([str(runs / "step-*")], timeout=15, clock=time.clock, sleep=time.sleep)
    seen = []
    while whole := watch.wait():
        seen.append((steps(whole), time.now))
    assert [([100], 3.0), ([10], 14.0), ([5], 23.0)] == seen
    assert 38.0 == time.now


def test_a_watch_ends_when_it_is_asked_to_and_says_what_was_left(runs: Path) -> None:
    (runs / "step-5" / "config.json").unlink()
    time = Time({})
    watch = CheckpointWatch(
        [str(runs / "step-*")], should_stop=lambda: time.now >= 60, clock=time.clock, sleep=time.sleep
    )
    assert [10, 100] == steps(watch.wait())
    assert [] == watch.wait()
    assert [(5, "it has no config.json")] == [(left.step, why) for left, why in watch.unfinished()]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"model_args": {"pretrained": "x"}}, "contradict"),
        ({"output_path": Path("all.json")}, "a folder, not one file"),
    ],
)
def test_a_sweep_refuses_what_is_for_one_checkpoint(settings: dict[str, object], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Sweep(RunSettings.of_mapping({"model": "vllm", "tasks": ("mme",), **settings}))


@pytest.fixture
def learning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: Path) -> Path:
    """A folder with a task of two documents and a model that knows one of them below step 20, and both from there."""
    (tmp_path / "capitals.jsonl").write_text(
        '{"country": "France", "capital": "Paris"}\n{"country": "Italy", "capital": "Rome"}\n'
    )
    (tmp_path / "capitals.yaml").write_text(TASK)
    lines = [
        "import fasteval",
        "class Learning(fasteval.LMM):",
        "    def __init__(self, pretrained):",
        "        super().__init__()",
        "        self.step = int(pretrained.rpartition('-')[2])",
        "        if self.step == 10: raise fasteval.errors.CheckpointError('no such weights')",
        "    def generate_until(self, requests):",
        "        return ['Rome' if 'Italy' in one.args[0] or self.step < 20 else 'Paris' for one in requests]",
    ]
    (tmp_path / "model.py").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sweep(*words: str) -> int:
    own = ["sweep", "--model", "model.py:Learning", "--tasks", "capitals", "--include_path", ".", "--no_cache"]
    return main([*own, "--checkpoints", "runs/step-*", *words])


def test_a_sweep_prints_a_row_a_checkpoint_and_goes_on_after_one_that_cannot_be_loaded(
    learning: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 3 == sweep("--output_path", "out")
    printed = capsys.readouterr()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in printed.out.splitlines() if "|" in line]
    assert [["5", "0.5000 ±0.5000"], ["10", "-"], ["100", "1.0000 ±0.0000"]] == rows[2:]
    assert "step-10: no such weights" in printed.err
    content = json.loads((learning / "out" / "sweep.json").read_text())["sweep"]
    assert [5, 10, 100] == [point["step"] for point in content]
    assert [0.5, 1.0] == [point["results"]["capitals"]["exact_match,none"] for point in content if "results" in point]
    assert 2 == len(list((learning / "out").glob("*/*_results.json")))


def test_the_curve_is_a_picture_with_a_mark_for_each_checkpoint(learning: Path) -> None:
    sweep("--output_path", "out", "--quiet")
    picture = ET.parse(learning / "out" / "sweep.svg").getroot()
    circles = picture.findall(".//{http://www.w3.org/2000/svg}circle")
    assert 2 == len(circles)
    assert all(math.isfinite(float(circle.attrib[name])) for circle in circles for name in ("cx", "cy"))


def test_a_checkpoint_that_is_not_whole_is_left_out_with_a_warning(
    learning: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (learning / "runs" / "step-10" / "config.json").unlink()
    assert 0 == sweep("--json")
    printed = capsys.readouterr()
    assert [5, 100] == [point["step"] for point in json.loads(printed.out)["sweep"]]
    assert "runs/step-10 is left out: it has no config.json" in printed.err


@pytest.mark.parametrize("words", [["--watch_timeout", "3"], ["--model_args", "pretrained=x"]])
def test_a_wrong_command_is_told_before_anything_is_evaluated(learning: Path, words: list[str]) -> None:
    assert 2 == sweep(*words)
    assert learning.exists()
