"""The commands around a run, and what starting fasteval costs."""

from __future__ import annotations

import os
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

import fasteval
from fasteval.api.prompt import Prompt, user_message
from fasteval.api.request import Kind
from fasteval.api.task import DocumentRequest
from fasteval.cli import main

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


class Manager:
    all_tasks = ("question", "choices")
    all_groups = ("everything",)

    def __init__(self, **options: Any) -> None:
        self.options = options

    def load_task_or_group(self, names: list[str]) -> dict[str, Any]:
        tasks: dict[str, Any] = {"question": Question(), "choices": Choices()}
        return tasks if names == ["everything"] else {name: tasks[name] for name in names}


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("fasteval.tasks")
    module.TaskManager = Manager  # type: ignore[attr-defined]  # a module is what one puts in it
    monkeypatch.setitem(sys.modules, "fasteval.tasks", module)


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
    assert "--wandb_args" not in out


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
