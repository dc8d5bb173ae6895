"""Task folders that tests write, and the one that they share (`tests/data/tasks`)."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.tasks import ConfigurableTask, TaskManager

if TYPE_CHECKING:
    from collections.abc import Mapping

SHARED = Path(__file__).parent / "data" / "tasks"

#: A task without metrics, prompts or media of its own, over the documents `DOCS` of `utils.py`.
PLAIN = """
task: plain
custom_dataset: !function utils.load
test_split: test
doc_to_text: question
doc_to_target: answer
"""
UTILS = """
DOCS = [{"question": f"q{i}", "answer": f"a{i}", "number": i} for i in range(5)]

def load():
    return {"test": DOCS, "train": [{"question": f"t{i}", "answer": f"s{i}", "number": i} for i in range(5)]}
"""


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Writes the files, without their common indentation, and returns the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), "utf-8")
    return folder


def load(folder: Path, name: str, **options: Any) -> ConfigurableTask:
    """Returns one task of a folder."""
    return TaskManager(folder, **options).load_task_or_group([name])[name]


def make(folder: Path, more: str = "", utils: str = "", *, base: str = PLAIN, **options: Any) -> ConfigurableTask:
    """Returns the task `plain` with further fields and functions; a field that is given twice has its last value."""
    own = {line.split(":")[0] for line in textwrap.dedent(more).splitlines() if line and not line[0].isspace()}
    kept = [line for line in base.strip().splitlines() if line.split(":")[0] not in own]
    text = "\n".join(kept) + "\n" + textwrap.dedent(more)
    write(folder, {"plain.yaml": text, "utils.py": textwrap.dedent(UTILS) + textwrap.dedent(utils)})
    return load(folder, "plain", **options)
