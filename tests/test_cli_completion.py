"""What a shell is offered."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from fasteval.cli import main

HEAVY = ("torch", "datasets", "vllm", "transformers", "rich")


def offered(line: str) -> subprocess.CompletedProcess[str]:
    """Returns what bash is told when the tabulator is pressed at the end of `line`."""
    words = line.split(" ")
    environment = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_FASTEVAL_COMPLETE": "bash_complete"}
    code = f"""
import atexit, sys
from fasteval.cli import main
atexit.register(lambda: print("heavy:", [name for name in {HEAVY} if name in sys.modules]))
main()
"""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ | environment
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("fasteval ta", ["tasks"]),
        ("fasteval tasks show easy_vqa_m", ["easy_vqa_mme"]),
        ("fasteval --model qwen2", ["qwen2-vl", "qwen2.5-vl"]),
        ("fasteval run --tasks mme,easy_vqa_c", ["mme,easy_vqa_choices"]),
        ("fasteval --output_p", ["--output_path"]),
        ("fasteval completion z", ["zsh"]),
        ("fasteval nonsense --x", []),
    ],
)
def test_commands_flags_tasks_and_models_are_completed_without_anything_heavy(line: str, expected: list[str]) -> None:
    result = offered(line)
    *found, heavy = result.stdout.splitlines()
    assert expected == [entry.partition(",")[2] for entry in found if entry], result.stderr
    assert "heavy: []" == heavy
    assert "" == result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shells_script_is_printed(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    assert 0 == main(["completion", shell])
    assert f"_FASTEVAL_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_bash_takes_its_script() -> None:
    script = subprocess.run([sys.executable, "-m", "fasteval", "completion", "bash"], capture_output=True, check=True)
    subprocess.run(["bash", "-n"], input=script.stdout, check=True)
