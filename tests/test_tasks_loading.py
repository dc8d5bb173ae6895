"""Task files: includes, functions, and errors that say where."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from fasteval.errors import TaskFileError
from fasteval.tasks.loading import load_task_file
from tests.task_folders import SHARED, load, make, write

if TYPE_CHECKING:
    from pathlib import Path


def test_the_file_wins_over_its_includes_and_the_first_include_over_the_second(tmp_path: Path) -> None:
    files = {
        "own.yaml": "include: [first, second]\na: own\n",
        "first": "a: first\nb: first\n",
        "second": "a: second\nb: second\nc: second\n",
    }
    fields = load_task_file(write(tmp_path, files) / "own.yaml").fields
    assert {"a": "own", "b": "first", "c": "second"} == fields


def test_an_included_list_or_mapping_is_replaced_and_not_merged(tmp_path: Path) -> None:
    files = {"own.yaml": "include: base\nkwargs: {a: 1}\nlist: [1]\n", "base": "kwargs: {b: 2}\nlist: [2, 3]\n"}
    assert {"kwargs": {"a": 1}, "list": [1]} == load_task_file(write(tmp_path, files) / "own.yaml").fields


def test_an_include_is_looked_for_beside_the_file_that_names_it(tmp_path: Path) -> None:
    files = {"own.yaml": "include: deep/a\n", "deep/a": "include: b\n", "deep/b": "found: true\n"}
    assert {"found": True} == load_task_file(write(tmp_path, files) / "own.yaml").fields


@pytest.mark.parametrize(
    ("message", "files"),
    [
        ("own.yaml:2: include: 'own.yaml' includes itself", {"own.yaml": "a: 1\ninclude: own.yaml\n"}),
        ("b:1: include: 'own.yaml' includes itself", {"own.yaml": "include: b\n", "b": "include: own.yaml\n"}),
        ("own.yaml:1: include: there is no file", {"own.yaml": "include: nothing\n"}),
        ("own.yaml:1: include: expected a path", {"own.yaml": "include: 3\n"}),
        ("own.yaml:2: not YAML: ", {"own.yaml": "a: 1\nb: ]\nc: 2\n"}),
        ("own.yaml:2: not YAML: could not determine a constructor", {"own.yaml": "a: 1\nb: !other x\n"}),
        ("own.yaml:1: expected a mapping", {"own.yaml": "- a\n"}),
        ("own.yaml:1: expected a mapping", {"own.yaml": "!!set {a, b}\n"}),
    ],
)
def test_a_broken_file_is_one_line_with_file_and_line(tmp_path: Path, message: str, files: dict[str, str]) -> None:
    with pytest.raises(TaskFileError) as caught:
        load_task_file(write(tmp_path, files) / "own.yaml")
    assert str(caught.value).startswith(f"{tmp_path}/{message}")


def test_a_key_that_stands_twice_is_a_warning_with_its_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path, {"own.yaml": "a: 1\nb: {c: 1, c: 2}\na: 3\n"}) / "own.yaml"
    with caplog.at_level(logging.WARNING):
        fields = load_task_file(path).fields
    assert {"a": 3, "b": {"c": 2}} == fields
    assert [
        f"{path}:3: the key 'a' stands twice; this one counts",
        f"{path}:2: the key 'c' stands twice; this one counts",
    ] == caplog.messages


def test_functions_of_a_template_are_those_beside_the_template(tmp_path: Path) -> None:
    files = {
        "task.yaml": "include: deep/template\ntask: plain\nprocess_results: !function utils.score\n",
        "utils.py": "def score(doc, results):\n    return {'own': 1}\n",
        "deep/template": """
            custom_dataset: !function utils.load
            test_split: test
            doc_to_text: q
            """,
        "deep/utils.py": "def load():\n    return {'test': [{'q': 'deep'}]}\n",
    }
    task = load(write(tmp_path, files), "plain")
    assert "deep" == task.doc_to_text(task.docs[0])
    assert {"own": 1} == task.process_results(task.docs[0], ["x"])


def test_each_reference_runs_its_module_anew(tmp_path: Path) -> None:
    utils = """
        STATE = []

        def doc_to_text(doc):
            STATE.append(1)
            return f"{len(STATE)}"

        def doc_to_target(doc):
            return f"{len(STATE)}"
        """
    task = make(
        tmp_path, "doc_to_text: !function utils.doc_to_text\ndoc_to_target: !function utils.doc_to_target\n", utils
    )
    assert ["1", "2", "0"] == [task.doc_to_text({}), task.doc_to_text({}), task.doc_to_target({})]


def test_a_reference_that_is_overridden_is_never_run(tmp_path: Path) -> None:
    files = {
        "task.yaml": "include: base\ntask: plain\ndoc_to_text: fine\n",
        "base": "dataset_path: json\ntest_split: test\ndoc_to_target: x\ndoc_to_text: !function broken.f\n",
        "broken.py": "raise RuntimeError('must not run')\n",
    }
    assert "fine" == load(write(tmp_path, files), "plain").config.doc_to_text


def test_a_module_that_is_not_beside_the_file_is_imported(tmp_path: Path) -> None:
    task = make(tmp_path, "process_results: !function statistics.mean\n")
    assert "statistics.mean" in str(task.config.process_results)


def test_an_argument_may_be_a_value_of_the_module(tmp_path: Path) -> None:
    task = make(tmp_path, "dataset_kwargs: {features: !function utils.FEATURES}\n", "FEATURES = {'q': 'string'}\n")
    assert {"features": {"q": "string"}} == task.config.dataset_kwargs


def test_dataclasses_with_text_annotations_work_in_task_code(tmp_path: Path) -> None:
    (tmp_path / "kind.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n"
        "@dataclass\nclass Kind:\n    name: str\n\ndef doc_to_text(doc):\n    return Kind('x').name\n"
    )
    assert "x" == make(tmp_path, "doc_to_text: !function kind.doc_to_text\n").doc_to_text({})


@pytest.mark.parametrize(
    ("message", "reference"),
    [
        ("there is no file", "nothing_like_it.f"),
        ("utils has no 'laod': did you mean 'load'?", "utils.laod"),
        ("expected module.name", "load"),
        ("'DOCS' cannot be called", "utils.DOCS"),
        ("broken.py raised ZeroDivisionError: division by zero", "broken.f"),
    ],
)
def test_a_function_that_cannot_be_loaded_says_file_line_and_field(
    tmp_path: Path, message: str, reference: str
) -> None:
    write(tmp_path, {"broken.py": "1 / 0\n"})
    with pytest.raises(TaskFileError) as caught:
        make(tmp_path, f"doc_to_text: !function {reference}\n")
    assert str(caught.value).startswith(f"{tmp_path}/plain.yaml:5: doc_to_text: !function {reference}: ") or (
        reference == "load" and str(caught.value).startswith(f"{tmp_path}/plain.yaml:5: doc_to_text: ")
    )
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("importing task_helper_module needs the package 'not_installed'", "import not_installed"),
        ("importing task_helper_module raised ValueError: odd", "raise ValueError('odd')"),
    ],
)
def test_a_module_that_cannot_be_imported_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, message: str, code: str
) -> None:
    write(tmp_path / "elsewhere", {"task_helper_module.py": code})
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    with pytest.raises(TaskFileError) as caught:
        make(tmp_path, "doc_to_text: !function task_helper_module.f\n")
    assert message in str(caught.value)


def test_task_code_that_is_not_python_says_its_own_line(tmp_path: Path) -> None:
    write(tmp_path, {"broken.py": "a = 1\ndef f(:\n"})
    with pytest.raises(TaskFileError, match=r"broken.py:2: doc_to_text: not Python"):
        make(tmp_path, "doc_to_text: !function broken.f\n")


def test_changed_code_is_run_in_its_new_form(tmp_path: Path) -> None:
    import os

    first = make(tmp_path, "doc_to_text: !function utils.text\n", "def text(doc):\n    return 'old'\n")
    second = make(tmp_path, "doc_to_text: !function utils.text\n", "def text(doc):\n    return 'new'\n")
    os.utime(tmp_path / "utils.py", (1, 1))
    assert ["old", "new"] == [first.doc_to_text({}), second.doc_to_text({})]
    assert first.config.code_digest() != second.config.code_digest()


def test_the_shared_folder_loads() -> None:
    assert "0 + 1 =" == load(SHARED, "sums").doc_to_text({"a": 0, "b": 1})
