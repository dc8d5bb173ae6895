"""A run whose answers are all in the cache already: whole commands, from the shell's prompt back to it."""

from __future__ import annotations

import json
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.data import generation_task
from benchmarks.environments import peer_python
from benchmarks.fasteval_run import run_fasteval
from benchmarks.measure import interleave, run_program
from benchmarks.record import Chart, Record, Section, Target, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measure import Figures
    from benchmarks.record import Size

__all__ = ["lm_eval_command", "measure", "report"]


def lm_eval_command(task: str, folder: Path, output: Path, *arguments: str) -> list[str]:
    """Returns lm-eval's command line with its dummy model, samples and results written."""
    command = [str(peer_python("lm-eval")), "-m", "lm_eval", "run", "--model", "dummy", "--tasks", task]
    return [*command, "--include_path", str(folder), "--log_samples", "--output_path", str(output), *arguments]


def measure(size: Size) -> Record:
    """Fills each program's cache by a first run, and measures the same command again."""
    folder = generation_task(size.cached)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        answers = _recorded_answers(folder, scratch / "answers.jsonl")
        cache = ("--use_cache", str(scratch / "responses"))
        text = partial(
            run_fasteval,
            "bench_generation",
            "--model_args",
            f"answers={answers}",
            *cache,
            folder=folder,
            model="replay",
        )
        images = partial(run_fasteval, "easy_vqa", "--limit", str(size.cached), *cache)
        command = lm_eval_command("bench_generation", folder, scratch / "out", "--use_cache", str(scratch / "lm_eval"))
        peer = partial(run_program, command, environment={"HF_HUB_OFFLINE": "1"}, folder=scratch)
        programs: dict[str, Callable[[], Figures]] = {
            "lm-eval, texts": peer,
            "fasteval, texts": text,
            "fasteval, easy-VQA with its pictures": images,
        }
        for program in programs.values():
            program()
        figures = interleave(programs, dict.fromkeys(programs, size.runs))
    for runs in figures.values():
        for run in runs:
            run.pop("answers", None)
    return Record("cached_run", size.name, figures, {"requests": size.cached, "python": sys.version.split()[0]})


def _recorded_answers(folder: Path, path: Path) -> Path:
    """Writes an answer to each of the task's questions, for the replay engine to give at the first run."""
    with (folder / "data.jsonl").open() as questions, path.open("w") as file:
        for line in questions:
            doc = json.loads(line)
            prompt = f"Question: {doc['question']}\nAnswer:"
            file.write(json.dumps({"prompt": prompt, "text": doc["answer"]}) + "\n")
    return path


def report(record: Record) -> Section:
    """Returns what the page says."""
    peer = "lm-eval, texts"
    factor = record.ratio("seconds", peer, "fasteval, texts")
    pictures = record.ratio("seconds", peer, "fasteval, easy-VQA with its pictures")
    rows = [
        [name, len(runs), f"{record.median(name, 'seconds'):.2f}", f"{record.median(name, 'processor_seconds'):.2f}"]
        for name, runs in record.programs.items()
    ]
    count = f"{record.facts['requests']:,} cached requests, whole commands"
    targets = [
        Target(f"{count}: lm-eval's time over fasteval's", "at least 20", f"{factor:.1f}", factor >= 20),
        Target("the same with fasteval reading pictures", "at least 20", f"{pictures:.1f}", pictures >= 20),
    ]
    bars = {name: [run["seconds"] for run in runs] for name, runs in record.programs.items()}
    chart = Chart("Fully cached run", "seconds", bars)
    return Section("Fully cached run", table(("", "runs", "whole s", "processor s"), rows), targets, [chart])
