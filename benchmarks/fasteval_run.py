"""fasteval's command line, measured: figures of one run from its results file and samples."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.environments import ROOT
from benchmarks.measure import run_program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.measure import Figures

__all__ = ["run_fasteval", "steady_seconds"]


def run_fasteval(task: str, *arguments: str, folder: Path | None = None, model: str = "demo") -> Figures:
    """Runs `fasteval --model demo --tasks <task>` as a process of its own and returns its figures.

    Beside those of `run_program` they are `steady`, `requests`, `accuracy` (the task's first metric), the counters,
    and `answers`, the raw texts in document order.

    Args:
        task: the task.
        arguments: further flags.
        folder: a folder with the task.
        model: the model's name.
    """
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, "-m", "fasteval", "--model", model, "--tasks", task, "--output_path", output]
        command += [*arguments, *(("--include_path", str(folder)) if folder else ())]
        figures = run_program(command, folder=ROOT)
        (path,) = Path(output).rglob("*_results.json")
        results = json.loads(path.read_text())
        (samples,) = Path(output).rglob("*_samples_*.jsonl")
        lines = [json.loads(line) for line in samples.read_text().splitlines()]
    throughput = results["throughput"]
    scores = results["results"][task]
    return {
        **figures,
        **results["counters"],
        "steady": steady_seconds(throughput),
        "stages": throughput["stages"],
        "requests": throughput["requests"],
        "accuracy": next(value for name, value in scores.items() if name.endswith(",none")),
        "prompt_tokens": throughput["prompt_tokens"],
        "answers": [_text(line["resps"]) for line in lines],
    }


def steady_seconds(throughput: Mapping[str, Any]) -> float:
    """Returns the seconds from the first document read to the last answer, the engine being ready.

    Stages of the wall time in which requests were under way, and all the work of loading (tasks, documents, compiling,
    planning) whether or not it was hidden behind the engine's start. So nothing that the plain script has to do while
    its clock runs is had for free. What is left out: the start itself, and summing up after the last answer.
    """
    stages, busy = throughput["stages"], throughput["busy"]
    hidden = min(busy.get("load", 0.0) - stages["load"], stages["start"])
    return float(stages["engine"] + stages["load"] + max(0.0, hidden))


def _text(answer: Any) -> str:
    while isinstance(answer, list):
        answer = answer[0]
    return str(answer).strip()
