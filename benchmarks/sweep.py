"""A sweep beside separate runs of the same checkpoints: `python -m benchmarks.sweep --checkpoints 'runs/step-*'`.

Both in turn, without a response cache; figures are medians. Checkpoints of the demo model at several steps come from
its training: `python -m benchmarks.demo_model.train --out demo --save_every 60 runs …`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from benchmarks.environments import ROOT
from benchmarks.measure import Figures, run_program
from fasteval.results.markdown import markdown_table
from fasteval.sweep import find_checkpoints

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["compare"]


def compare(checkpoints: Sequence[Path], task: str, limit: int, runs: int) -> tuple[list[Figures], list[Figures], bool]:
    """Returns the figures of separate runs, added up over the checkpoints, of sweeps, and whether all answers agree."""
    separate: list[Figures] = []
    together: list[Figures] = []
    agree = True
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            each = [_run(path, task, limit, Path(folder) / "separate") for path in checkpoints]
            separate.append(
                {name: sum(one[name] for one in each) for name in ("seconds", "processor_seconds")}
                | {"peak_memory": max(one["peak_memory"] for one in each)}
            )
            together.append(_sweep(checkpoints, task, limit, Path(folder) / "together"))
            agree &= _answers(Path(folder) / "separate") == _answers(Path(folder) / "together")
    return separate, together, agree


def _run(checkpoint: Path, task: str, limit: int, folder: Path) -> Figures:
    words = ["--model", "vllm", "--model_args", f"pretrained={checkpoint}"]
    return run_program(_command("run", task, limit, folder) + words, folder=ROOT)


def _sweep(checkpoints: Sequence[Path], task: str, limit: int, folder: Path) -> Figures:
    words = [word for path in checkpoints for word in ("--checkpoints", str(path))]
    return run_program(_command("sweep", task, limit, folder) + words, folder=ROOT)


def _command(name: str, task: str, limit: int, folder: Path) -> list[str]:
    words = ["--tasks", task, "--limit", str(limit), "--no_cache", "--output_path", str(folder), "--quiet"]
    return [sys.executable, "-m", "fasteval", name, *words]


def _answers(folder: Path) -> dict[str, Any]:
    """Returns by checkpoint the metrics of each task, and the answer to each document."""
    found: dict[str, Any] = {}
    for path in sorted(folder.glob("*/*_results.json")):
        found[path.parent.name] = [json.loads(path.read_bytes())["results"]]
    for path in sorted(folder.glob("*/*_samples_*.jsonl")):
        samples = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        found[path.parent.name].append([(sample["doc_id"], sample["resps"]) for sample in samples])
    return found


@click.command()
@click.option("--checkpoints", required=True, help="Pattern of folders.")
@click.option("--count", default=5, show_default=True, help="So many of them, the first.")
@click.option("--task", default="easy_vqa", show_default=True)
@click.option("--limit", default=500, show_default=True)
@click.option("--runs", default=2, show_default=True, help="How often each.")
def main(checkpoints: str, count: int, task: str, limit: int, runs: int) -> None:
    """Prints what both took."""
    paths = [checkpoint.path.resolve() for checkpoint in find_checkpoints([checkpoints])][:count]
    separate, together, agree = compare(paths, task, limit, runs)
    rows = []
    for name, figures in ((f"{len(paths)} runs", separate), ("one sweep", together)):
        seconds = [f"{figure['seconds']:.1f}" for figure in figures]
        middle = {key: median(figure[key] for figure in figures) for key in figures[0]}
        memory = f"{middle['peak_memory'] / 1e9:.2f}"
        rows.append(
            [name, " · ".join(seconds), f"{middle['seconds']:.1f}", f"{middle['processor_seconds']:.1f}", memory]
        )
    click.echo("\n".join(markdown_table(("", "seconds", "median", "processor s", "peak GB"), rows)))
    ratio = median(one["seconds"] for one in together) / median(one["seconds"] for one in separate)
    click.echo(f"\nThe sweep took {ratio:.2f} of the time; answers and metrics {'agree' if agree else 'DIFFER'}.")


if __name__ == "__main__":
    main()
