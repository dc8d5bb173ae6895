"""A Hub that does not answer is asked once, and no task code fetches from it while it is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import datasets
import huggingface_hub
import pytest
from huggingface_hub import file_download

from fasteval.errors import TaskFileError
from fasteval.tasks.hub import go_offline_if_unreachable
from tests.task_folders import load, make

if TYPE_CHECKING:
    from pathlib import Path

FETCHING = """
    from huggingface_hub import hf_hub_download

    try:
        PATH = hf_hub_download("someone/something", "words.txt")
    except Exception:
        PATH = "caught"

    def prompt(doc):
        return f"{PATH} {doc['question']}"
    """


def test_a_hub_that_cannot_be_reached_puts_the_libraries_into_offline_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(*arguments: Any, **options: Any) -> None:
        asked.append(arguments)
        raise ConnectionError("nobody there")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setattr(datasets.config, name, False)
    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", refuse)
    go_offline_if_unreachable.cache_clear()
    go_offline_if_unreachable()
    go_offline_if_unreachable()
    assert 1 == len(asked)
    assert huggingface_hub.constants.HF_HUB_OFFLINE
    assert datasets.config.HF_HUB_OFFLINE
    go_offline_if_unreachable.cache_clear()


def test_code_that_fetches_while_it_is_loaded_is_run_when_the_task_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def download(*place: str, local_files_only: bool = False) -> str:
        asked.append((*place, local_files_only))
        if local_files_only:
            raise FileNotFoundError(place)
        return "fetched"

    monkeypatch.setattr(file_download, "hf_hub_download", download)
    task = make(tmp_path, "doc_to_text: !function utils.prompt\n", FETCHING)
    place = ("someone/something", "words.txt")
    assert {(*place, True)} == set(asked)
    assert "fetched q0" == task.doc_to_text(task.docs[0])
    assert (*place, False) == asked[-1]


def test_a_file_that_is_in_the_cache_already_is_used_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_download, "hf_hub_download", lambda *_, **options: str(sorted(options)))
    task = make(tmp_path, "doc_to_text: !function utils.prompt\n", FETCHING)
    assert "['local_files_only'] q0" == task.doc_to_text({"question": "q0"})


def test_what_cannot_be_fetched_is_said_before_documents_and_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("nobody there")

    monkeypatch.setattr(file_download, "hf_hub_download", refuse)
    utils = FETCHING.replace("except Exception", "except ZeroDivisionError")
    task = make(tmp_path, "doc_to_text: !function utils.prompt\n", utils)
    with pytest.raises(TaskFileError, match=r"utils.py raised ConnectionError: nobody there"):
        _ = task.docs


def test_a_function_that_fetching_code_lacks_is_missed_at_once(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match="utils has no 'promt'"):
        make(tmp_path, "doc_to_text: !function utils.promt\n", FETCHING)


def test_code_that_was_loaded_has_the_hubs_own_functions(tmp_path: Path) -> None:
    make(tmp_path)
    assert huggingface_hub.hf_hub_download is file_download.hf_hub_download
    assert "q1" == load(tmp_path, "plain").doc_to_text({"question": "q1"})
