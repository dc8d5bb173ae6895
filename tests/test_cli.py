"""The commands around a run, and what starting fasteval costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

import fasteval
from fasteval.api.prompt import Prompt, user_message
from fasteval.api.request import Kind
from fasteval.api.task import DocumentRequest
from fasteval.cli import main

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ["torch", "transformers", "vllm", "datasets", "numpy", "rich", "PIL", "yaml", "huggingface_hub"]


class Question:
    """Stands for a task with two documents."""

    name, split, OUTPUT_TYPE = "question", "test", "generate_until"
    docs = ({"question": "Red?"}, {"question": "Blue?\x1b[2J"})

    def document_requests(self, doc_id: int, doc: dict[str, Any], options: Any) -> list[DocumentRequest]:
        messages = [user_message(doc["question"], with_visuals=True)]
        if options.system_instruction:
            messages.insert(0, {"role": "system", "content": options.system_instruction})
        return [DocumentRequest(Kind.GENERATE_UNTIL, 0, Prompt(messages=messages), None, {"max_new_tokens": 4})]

    def media(self, doc: dict[str, Any]) -> list[Any]:
        return [Image.new("RGB", (4, 3))]

    def doc_to_target(self, doc: dict[str, Any]) -> str:
        return "Yes"


class Choices(Question):
    name, OUTPUT_TYPE = "choices", "multiple_choice"

    def document_requests(self, doc_id: int, doc: dict[str, Any], options: Any) -> list[DocumentRequest]:
        prompt = Prompt(text=doc["question"])
        return [DocumentRequest(Kind.LOGLIKELIHOOD, slot, prompt, text) for slot, text in enumerate((" A", " B"))]


class Index:
    tasks = ("question", "choices")
    groups = ("everything",)

    @classmethod
    def of_everything(cls, _: Any) -> Index:
        return cls()


class Manager:
    def __init__(self, **options: Any) -> None:
        self.options = options

    def load_task_or_group(self, names: list[str]) -> dict[str, Any]:
        tasks: dict[str, Any] = {"question": Question(), "choices": Choices()}
        return tasks if names == ["everything"] else {name: tasks[name] for name in names}


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("fasteval.tasks")
    module.TaskManager = Manager  # type: ignore[attr-defined]  # a module is what one puts in it
    index = ModuleType("fasteval.tasks.index")
    index.TaskIndex = Index  # type: ignore[attr-defined]  # the same
    monkeypatch.setitem(sys.modules, "fasteval.tasks", module)
    monkeypatch.setitem(sys.modules, "fasteval.tasks.index", index)


# tasks and models


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("tasks", "list"), "choices\neverything\nquestion\n"),
        (("tasks", "list", "--include-path", "x", "q*"), "question\n"),
        (("tasks", "list", "--groups"), "everything\n"),
        (("--tasks", "list"), "choices\neverything\nquestion\n"),
        (("--tasks", "list_groups"), "everything\n"),
        (("--model", "demo", "--tasks", "list_subtasks"), "choices\nquestion\n"),
    ],
)
@pytest.mark.usefixtures("tasks")
def test_tasks_are_listed_one_a_line(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], expected: str) -> None:
    assert 0 == main(words)
    assert expected == capsys.readouterr().out


@pytest.mark.usefixtures("tasks")
def test_a_document_is_shown_with_prompt_media_target_and_generation_kwargs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert 0 == main(["tasks", "show", "question", "--doc", "1", "--system_instruction", "Be brief."])
    out = capsys.readouterr().out
    assert "[task]\nquestion (generate_until, split test, document 1 of 2)\n" in out
    assert "[prompt]\nsystem: Be brief.\nuser: <visuals>\nBlue?[2J\n" in out
    assert "[media]\nimage, 4 x 3 pixels, RGB\n" in out
    assert "[target]\n'Yes'\n" in out
    assert '"max_new_tokens": 4' in out


@pytest.mark.usefixtures("tasks")
def test_the_choices_of_a_document_are_shown_below_their_prompt(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["tasks", "show", "choices"])
    assert "[prompt]\nRed?\n\n[choice 0]\n' A'\n\n[choice 1]\n' B'\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("question", "--doc", "2"), "--doc 2 does not exist: question has documents 0 to 1"),
        (("everything",), "'everything' is not one task but 2: question, choices"),
    ],
)
@pytest.mark.usefixtures("tasks")
def test_a_document_that_cannot_be_shown_is_one_line(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert 2 == main(["tasks", "show", *words])
    assert f"fasteval: error: {message}\n" == capsys.readouterr().err


def lines_of(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert 0 == main(["prompts", *words])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_prompts_are_json_lines_with_a_line_a_request(capsys: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(capsys, "easy_vqa", "easy_vqa_choices", "--limit", "2", "--offset", "1")
    assert [("easy_vqa", 1), ("easy_vqa", 2)] == [
        (line["task"], line["doc_id"]) for line in lines if line["task"] == "easy_vqa"
    ]
    assert {"max_new_tokens": 8, "do_sample": False, "until": ["\n"]} == lines[0]["generation_kwargs"]
    choices = [line for line in lines if line["task"] == "easy_vqa_choices" and line["doc_id"] == 1]
    assert list(range(len(choices))) == [line["slot"] for line in choices]
    assert all(line["kind"] == "loglikelihood" and line["continuation"] for line in choices)


def test_prompts_honour_the_prompts_flags(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = lines_of(capsys, "easy_vqa", "--limit", "1", "--system_instruction", "Be brief.")
    assert {"role": "system", "content": [{"type": "text", "text": "Be brief."}]} == line["prompt"][0]


def test_a_document_that_cannot_be_asked_has_an_error_for_a_prompt(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "docs.jsonl").write_text('{"question": "1?", "answer": "1"}\n{"question": null, "answer": "2"}\n')
    (tmp_path / "utils.py").write_text("def ask(doc):\n    return doc['question'].strip()\n")
    (tmp_path / "odd.yaml").write_text(
        "task: odd\ndataset_path: json\ndataset_kwargs: {data_files: {test: docs.jsonl}}\ntest_split: test\n"
        "output_type: generate_until\ndoc_to_text: !function utils.ask\ndoc_to_target: answer\n"
    )
    assert 3 == main(["prompts", "odd", "--include_path", str(tmp_path)])
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert "1?" == first["prompt"]
    assert second["error"].startswith("AttributeError")


def test_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["models"])
    assert "demo" in capsys.readouterr().out


# The group


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("taks", "list"), "unknown command 'taks': did you mean 'tasks'? (see `fasteval --help`)"),
        (("tasks", "lst"), "unknown command 'lst': did you mean 'list'? (see `fasteval tasks --help`)"),
    ],
)
def test_an_unknown_command_offers_the_nearest(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert 2 == main(words)
    assert f"fasteval: error: {message}\n" == capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["--version"])
    assert f"fasteval {fasteval.__version__}\n" == capsys.readouterr().out


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("run", "--help"), ("--model", "x", "--help")])
def test_help_is_not_an_error(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    assert 0 == main(words)
    assert "Usage: fasteval" in capsys.readouterr().out


@pytest.mark.parametrize("words", [(), ("tasks",)])
def test_no_command_at_all_shows_the_help_and_is_an_error(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert 2 == main(words)
    assert capsys.readouterr().err.startswith("Usage: fasteval")


def test_the_help_names_each_flag_once(capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "--help"])
    out = capsys.readouterr().out
    assert "--model_args" in out
    assert "--model-args" not in out
    assert "--trackio_args" not in out


# Starting


def python(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


@pytest.mark.parametrize(
    "code",
    [
        "import fasteval",
        "from fasteval.cli import main; main(['--help'])",
        "from fasteval.cli import main; main(['run', '--help'])",
        "from fasteval.cli import main; main(['--taks', 'x'])",
        "from fasteval.cli import main; main(['--version'])",
    ],
)
def test_help_and_wrong_flags_import_nothing_heavy(code: str) -> None:
    result = python("-c", f"import sys\n{code}\nprint('loaded:', [name for name in {HEAVY} if name in sys.modules])")
    assert "loaded: []" == result.stdout.splitlines()[-1], result.stderr


def test_fasteval_is_a_module_that_can_be_run() -> None:
    result = python("-m", "fasteval", "--version")
    assert (0, f"fasteval {fasteval.__version__}\n") == (result.returncode, result.stdout)


def test_the_exit_code_reaches_the_shell() -> None:
    result = python("-m", "fasteval", "nonsense")
    assert 2 == result.returncode
    assert result.stderr.startswith("fasteval: error: ")


def test_a_terminal_without_the_characters_of_a_text_is_no_fault() -> None:
    code = "from fasteval.cli import main; main(['run', '--help']); print('\u2191')"
    result = python("-X", "utf8=0", "-c", code, PYTHONIOENCODING="ascii")
    assert (0, "?") == (result.returncode, result.stdout.splitlines()[-1])


def test_a_reader_that_stops_reading_is_no_fault() -> None:
    result = subprocess.run(
        f"{sys.executable} -m fasteval run --help | head -c 1", shell=True, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in result.stderr
    assert "error" not in result.stderr
