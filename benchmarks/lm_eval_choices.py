"""Multiple choice beside lm-eval's own vLLM backend: the same checkpoint, documents, dtype and machine.

    python -m benchmarks.lm_eval_choices --documents 32

Runs both as whole processes, in turn, on a five-shot task with the schema of MMLU and one with HellaSwag's. "Scoring"
is what lm-eval spends in its `loglikelihood` calls, and fasteval in its stage "engine". lm-eval and vLLM are installed
into an environment of their own, once. The checkpoint is SmolLM2-135M-Instruct (see `benchmarks/smollm2.py`) unless one
is given.
"""

from __future__ import annotations

import json
import sys
import tempfile
from functools import partial
from pathlib import Path

import click

from benchmarks.choice_tasks import TASKS, write_tasks
from benchmarks.environments import ROOT, peer_python, work_folder
from benchmarks.measure import Figures, interleave, median, run_program
from benchmarks.programs.engine import IN_PROCESS
from benchmarks.smollm2 import write_smollm2


def run_lm_eval(checkpoint: Path, folder: Path) -> Figures:
    """Returns the figures of lm-eval's run."""
    command = [str(peer_python("lm-eval", with_engine=True)), "-m", "benchmarks.programs.lm_eval_vllm_run"]
    command += ["--folder", str(folder), "--checkpoint", str(checkpoint), "--tasks", ",".join(TASKS)]
    return run_program(command, environment=IN_PROCESS | {"PYTHONPATH": str(ROOT)})


def run_fasteval(checkpoint: Path, folder: Path) -> Figures:
    """Returns the figures of fasteval's run."""
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, "-m", "fasteval", "--model", "vllm", "--tasks", ",".join(TASKS), "--no_cache"]
        command += ["--model_args", f"pretrained={checkpoint},dtype=bfloat16,max_model_len=2048"]
        command += ["--include_path", str(folder), "--bootstrap_iters", "0", "--output_path", output]
        figures = run_program(command, folder=ROOT)
        (path,) = Path(output).rglob("*_results.json")
        results = json.loads(path.read_text())
    accuracies = {task: results["results"][task]["acc,none"] for task in TASKS}
    return figures | {"scoring": results["throughput"]["stages"]["engine"], "accuracy": accuracies}


def table(figures: dict[str, list[Figures]]) -> str:
    """Returns the medians, their ratios, and the accuracies."""
    lines = ["| | wall (s) | scoring (s) | " + " | ".join(TASKS) + " |", "|---|---|---|" + "---|" * len(TASKS)]
    for name, runs in figures.items():
        accuracies = " | ".join(f"{runs[-1]['accuracy'][task]:.4f}" for task in TASKS)
        lines.append(f"| {name} | {median(runs, 'seconds'):.1f} | {median(runs, 'scoring'):.1f} | {accuracies} |")
    theirs, ours = figures["lm-eval"], figures["fasteval"]
    wall, scoring = (median(theirs, name) / median(ours, name) for name in ("seconds", "scoring"))
    return "\n".join([*lines, "", f"lm-eval / fasteval: wall {wall:.2f}, scoring {scoring:.2f}"])


@click.command()
@click.option("--documents", default=32, show_default=True, help="Questions a task.")
@click.option("--context_words", default=75, show_default=True, help="Words before HellaSwag's endings.")
@click.option("--runs", default=1, show_default=True, help="Runs of each; the medians are reported.")
@click.option("--checkpoint", type=click.Path(path_type=Path, exists=True), help="In place of SmolLM2-135M-Instruct.")
def main(documents: int, context_words: int, runs: int, checkpoint: Path | None) -> None:
    """Compares fasteval's multiple choice with lm-eval's vLLM backend."""
    checkpoint = (checkpoint or write_smollm2(work_folder() / "loglikelihood-text")).resolve()
    peer_python("lm-eval", with_engine=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tasks(folder, documents, context_words)
        programs = {"lm-eval": partial(run_lm_eval, checkpoint, folder)}
        programs["fasteval"] = partial(run_fasteval, checkpoint, folder)
        figures = interleave(programs, dict.fromkeys(programs, runs))
    click.echo(table(figures))


if __name__ == "__main__":
    main()
