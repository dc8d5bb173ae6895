"""A task of two documents and two models, evaluated by the command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

TASK = """
task: capitals
dataset_path: json
dataset_kwargs: {data_files: {test: capitals.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "The capital of {{country}}?"
doc_to_target: capital
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
"""
MODEL = """
import fasteval


class Rome(fasteval.LMM):
    def generate_until(self, requests):
        return ["Rome" for _ in requests]


class Raising(fasteval.LMM):
    def generate_until(self, requests):
        raise RuntimeError("not today")
"""


def fasteval(folder: Path, model: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Evaluates the task with everything in `folder`, and further variables of the environment."""
    (folder / "capitals.jsonl").write_text(
        '{"country": "France", "capital": "Paris"}\n{"country": "Italy", "capital": "Rome"}\n'
    )
    (folder / "capitals.yaml").write_text(TASK)
    (folder / "model.py").write_text(MODEL)
    command = [sys.executable, "-m", "fasteval", "--model", f"{folder}/model.py:{model}", "--tasks", "capitals"]
    command += ["--include_path", str(folder), "--quiet", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)
