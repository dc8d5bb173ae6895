"""What Weights & Biases is handed: by its own client, offline, in processes of its own, as it leaves threads behind."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.capitals import fasteval
from tests.cli_stub import run

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.cli_stub import Evaluation


def wandb_run(folder: Path, model: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Evaluates with W&B offline in `folder`."""
    return fasteval(folder, model, *words, WANDB_DATA_DIR=str(folder), WANDB_CACHE_DIR=str(folder))


def recorded(folder: Path) -> bytes:
    """Returns what the offline run's log has."""
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    return path.read_bytes()


def test_the_run_has_the_numbers_a_table_of_metrics_and_the_samples(tmp_path: Path) -> None:
    arguments = ("--wandb_args", "project=fasteval", "mode=offline", f"dir={tmp_path}")
    result = wandb_run(tmp_path, "Rome", *arguments, "--wandb_config_args", "team=blue", "--wandb_log_samples")
    assert 0 == result.returncode, result.stderr
    log = recorded(tmp_path)
    for text in (b"capitals/exact_match,none", b"team", b"blue"):
        assert text in log
    files = tmp_path.rglob("media/table/**/*.table.json")
    tables = {path.name.split("_")[0]: orjson.loads(path.read_bytes()) for path in files}
    (metrics,) = tables["results"]["data"]
    assert ["capitals", "exact_match", 0.5] == [metrics[0], metrics[3], metrics[6]]
    assert ['["Rome"]', '["Rome"]'] == [row[4] for row in tables["capitals"]["data"]]


def test_a_run_that_fails_is_closed(tmp_path: Path) -> None:
    result = wandb_run(tmp_path, "Raising", "--wandb_args", f"project=fasteval,mode=offline,dir={tmp_path}")
    assert 1 == result.returncode
    assert "not today" in result.stderr
    assert recorded(tmp_path)


def test_what_wandb_refuses_is_one_line_before_any_task_is_loaded(tmp_path: Path) -> None:
    result = wandb_run(tmp_path, "Rome", "--wandb_args", "mode=sideways")
    assert 2 == result.returncode
    assert result.stderr.splitlines()[-1].startswith("fasteval: error: W&B refuses")


def test_without_the_package_it_is_one_line(
    evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert 2 == run("--wandb_args", "project=x")
    assert "fasteval: error: W&B needs the package 'wandb': pip install 'fasteval[wandb]'\n" == capsys.readouterr().err
    assert [] == evaluation.seen


@pytest.mark.parametrize("words", [("--wandb_log_samples",), ("--wandb_config_args", "a=1")])
def test_flags_that_would_do_nothing_alone_are_refused(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert 2 == run(*words)
    assert "need --wandb_args" in capsys.readouterr().err
