"""What Weights & Biases is handed: by its own client, offline."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from fasteval.errors import UsageError
from fasteval.evaluation.wandb_tracker import WandbTracker
from tests.cli_stub import run
from tests.test_evaluation import evaluate, folder  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli_stub import Evaluation


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path))
    return {"project": "fasteval", "mode": "offline", "dir": str(tmp_path)}


def recorded(folder: Path) -> bytes:  # noqa: F811
    """Returns what the offline run's log has."""
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    return path.read_bytes()


def test_the_run_has_the_numbers_a_table_of_metrics_and_the_samples(
    folder: Path,  # noqa: F811
    tmp_path: Path,
    arguments: dict[str, Any],
) -> None:
    tracker = WandbTracker(arguments, {"team": "blue"}, log_samples=True)
    evaluate(folder, "generate", callbacks=[tracker])
    log = recorded(tmp_path)
    for text in (b"generate/exact_match,none", b"team", b"blue"):
        assert text in log
    tables = {
        path.name.split("_")[0]: orjson.loads(path.read_bytes())
        for path in tmp_path.rglob("media/table/**/*.table.json")
    }
    (metrics,) = tables["results"]["data"]
    assert ["generate", "exact_match", 0.65] == [metrics[0], metrics[3], metrics[6]]
    assert 40 == len(tables["generate"]["data"])


def test_a_run_that_fails_is_closed(
    evaluation: Evaluation, tmp_path: Path, arguments: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    evaluation.results = UsageError("no")
    assert 2 == run("--wandb_args", *(f"{name}={value}" for name, value in arguments.items()))
    assert recorded(tmp_path)
    assert capsys.readouterr().err.endswith("fasteval: error: no\n")


def test_without_the_package_it_is_one_line(
    evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert 2 == run("--wandb_args", "project=x")
    assert "fasteval: error: W&B needs the package 'wandb': pip install 'fasteval[wandb]'\n" == capsys.readouterr().err
    assert [] == evaluation.seen


def test_what_wandb_refuses_is_one_line(
    evaluation: Evaluation, arguments: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert 2 == run("--wandb_args", "mode=sideways")
    assert "fasteval: error: W&B refuses" in capsys.readouterr().err
    assert [] == evaluation.seen


@pytest.mark.parametrize("words", [("--wandb_log_samples",), ("--wandb_config_args", "a=1")])
def test_flags_that_would_do_nothing_alone_are_refused(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert 2 == run(*words)
    assert "need --wandb_args" in capsys.readouterr().err
