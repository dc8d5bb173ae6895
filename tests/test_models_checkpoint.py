from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fasteval.errors import CheckpointError
from fasteval.models.checkpoint.find import find_checkpoint
from tests.checkpoints import make_llama

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    return make_llama(tmp_path / "llama")


@pytest.fixture(autouse=True)
def _empty_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_a_complete_folder_is_found(llama: Path) -> None:
    assert llama == find_checkpoint(str(llama))


@pytest.mark.parametrize(("name", "what"), [("config.json", "no config.json"), ("model.safetensors", "no weights")])
def test_a_folder_that_lacks_something_is_refused(llama: Path, name: str, what: str) -> None:
    (llama / name).unlink()
    with pytest.raises(CheckpointError, match=what):
        find_checkpoint(llama)


def test_a_missing_weight_file_of_several_is_named(llama: Path) -> None:
    shards = {"a": "model.safetensors", "b": "model-2.safetensors"}
    (llama / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    with pytest.raises(CheckpointError, match=r"model-2.safetensors is missing \(1 of 2 weight files\)"):
        find_checkpoint(llama)


def test_a_path_that_does_not_exist_is_not_taken_for_a_hub_name(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        find_checkpoint(tmp_path / "nothing")


def test_a_hub_name_that_is_nowhere_is_one_line_that_says_what_to_do() -> None:
    with pytest.raises(CheckpointError) as caught:
        find_checkpoint("Qwen/Qwen2-VL-2B-Instruct")
    expected = (
        "checkpoint 'Qwen/Qwen2-VL-2B-Instruct' is not on this machine and the Hub cannot be reached; "
        "pass pretrained=<local folder> (HF_HUB_OFFLINE is set)"
    )
    assert expected == str(caught.value)


def test_a_name_that_the_hub_does_not_allow_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"'a--b\.\.c' is neither"):
        find_checkpoint("a--b..c")


def test_a_complete_copy_in_the_hubs_cache_is_taken_without_the_network(tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--someone--llama"
    make_llama(repository / "snapshots" / ("0" * 40))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    assert (repository / "snapshots" / ("0" * 40)) == find_checkpoint("someone/llama")
