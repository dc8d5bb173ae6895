"""Which files a task's code consists of: its folder's, and the task code that these import."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fasteval.compat.finder import add_root, remove_all
from fasteval.tasks.codefiles import files_digest, with_imported
from fasteval.tasks.index import LIBRARY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def names(*files: Path) -> set[str]:
    return {file.stem for file in with_imported(files)}


def test_modules_beside_it_are_followed_whatever_the_form_of_the_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    code = "from . import near\nfrom .deep.er import x\ndef f():\n    import fasteval_test_far as g\n"
    write(tmp_path, start=code, near="import json, numpy", deep__er="from ..near import y", fasteval_test_far="")
    assert {"start", "near", "er", "fasteval_test_far"} == names(tmp_path / "start.py")


def test_modules_that_import_each_other_are_followed_once(tmp_path: Path) -> None:
    write(tmp_path, one="from . import other", other="from . import one")
    assert {"one", "other"} == names(tmp_path / "one.py")


def test_installed_packages_python_itself_and_fasteval_are_no_task_code(tmp_path: Path) -> None:
    write(tmp_path, start="import os, numpy, PIL.Image, nowhere_to_be_found\nfrom fasteval.media import LazyImage")
    assert {"start"} == names(tmp_path / "start.py")


def test_a_file_that_is_no_python_imports_nothing(tmp_path: Path) -> None:
    write(tmp_path, start="import (")
    assert {"start"} == names(tmp_path / "start.py")


def test_the_library_s_shared_parsing_is_code_of_the_tasks_that_use_it() -> None:
    assert {"utils", "letters"} == names(LIBRARY / "mmstar" / "utils.py")


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    tasks = tmp_path / "lmms_eval" / "tasks"
    write(tasks, mine__utils="from lmms_eval.tasks.shared.draw import draw\nimport lmms_eval.api", shared__draw="")
    add_root(tasks)
    yield tasks
    remove_all()


def test_foreign_task_code_is_found_in_its_checkout(checkout: Path) -> None:
    assert {"utils", "draw"} == names(checkout / "mine" / "utils.py")


def test_the_digest_knows_contents_and_names_but_no_place(tmp_path: Path) -> None:
    write(tmp_path, one__a="x = 1", other__a="x = 1", third__a="x = 2", fourth__b="x = 1")
    one, other, third, fourth = (
        files_digest(with_imported((tmp_path / name).glob("*.py"))) for name in ("one", "other", "third", "fourth")
    )
    assert one == other
    assert 3 == len({one, third, fourth})
