"""Small images: easy-VQA's questions about 64 x 64 PNGs, by fasteval, a plain vLLM script, and lmms-eval."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.data import MAX_TOKENS, small_image_task
from benchmarks.environments import ROOT, peer_python
from benchmarks.fasteval_run import run_fasteval
from benchmarks.measure import interleave, run_program
from benchmarks.programs.engine import IN_PROCESS
from benchmarks.record import Chart, Record, Section, Target, agreement, table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.measure import Figures
    from benchmarks.record import Size

__all__ = ["HEAD", "counter_table", "measure", "measure_programs", "peer", "plain", "report", "speed", "speed_rows"]

#: More than a minute a run: once is enough to tell 6 from 1.
_SLOW = 300
#: Enough for a peer's speed, which does not depend on how many questions there are.
_PEER = 3_000
_BATCHES = (256, 1024)


def plain(data: str, limit: int | None = None, *, defaults: bool = False) -> Figures:
    """Runs the plain script; with `defaults`, as vLLM is when nobody sets anything."""
    command = [sys.executable, "-m", "benchmarks.programs.plain_script", "--data", data]
    command += [] if limit is None else ["--limit", str(limit)]
    environment = IN_PROCESS
    if defaults:  # vLLM then starts processes, which must be able to load it
        paths = [str(ROOT / "benchmarks" / "programs" / "site"), str(ROOT)]
        environment = {"VLLM_LOGGING_LEVEL": "ERROR", "PYTHONPATH": os.pathsep.join(paths)}
    return run_program([*command, *["--defaults"] * defaults], environment=environment, folder=ROOT)


def peer(folder: Path, task: str, batch_size: int, limit: int | None = None, *, honour: bool = True) -> Figures:
    """Runs lmms-eval; `honour` makes it ask for no more tokens than the task does."""
    command = [str(peer_python("lmms-eval")), "-m", "benchmarks.programs.lmms_eval_run"]
    command += ["--folder", str(folder), "--task", task, "--batch_size", str(batch_size)]
    command += [] if limit is None else ["--limit", str(limit)]
    command += ["--honour_max_tokens", str(MAX_TOKENS)] if honour else []
    return run_program(command, environment=IN_PROCESS | {"PYTHONPATH": str(ROOT)})


def measure_programs(size: Size, slow: dict[str, int], programs: dict[str, Callable[[], Figures]], name: str) -> Record:
    """Runs the programs in turn, compares their answers with the plain script's, and returns the record."""
    runs = {program: min(size.runs, slow.get(program, size.runs)) for program in programs}
    figures = interleave(programs, runs)
    return Record(name, size.name, figures, {"agreement": agreement(figures, "plain script")})


def measure(size: Size) -> Record:
    """Measures everything; lmms-eval on the first 3,000 questions, at its default batch size on the first 300."""
    folder, limit = small_image_task(), size.questions
    ours = partial(run_fasteval, "easy_vqa", "--limit", str(limit), "--no_cache", "--bootstrap_iters", "0")
    programs: dict[str, Callable[[], Figures]] = {"plain script": partial(plain, "easy_vqa", limit), "fasteval": ours}
    for batch in _BATCHES:
        programs[f"lmms-eval, batch size {batch}"] = partial(peer, folder, "bench_small", batch, min(limit, _PEER))
    best = f"lmms-eval, batch size {_BATCHES[-1]}, its own max tokens"
    programs[best] = partial(peer, folder, "bench_small", _BATCHES[-1], min(limit, _PEER), honour=False)
    programs["lmms-eval, batch size 1"] = partial(peer, folder, "bench_small", 1, min(limit, _SLOW))
    programs["lmms-eval, batch size 1, its own max tokens"] = partial(
        peer, folder, "bench_small", 1, min(limit, _SLOW), honour=False
    )
    programs["plain script, vLLM's defaults"] = partial(plain, "easy_vqa", limit, defaults=True)
    once = {name: 1 for name in programs if name.startswith("lmms-eval") or "defaults" in name}
    return measure_programs(size, once, programs, "small_images")


def speed_rows(record: Record) -> list[list[str]]:
    """Returns a line a program, with the columns of `HEAD`."""
    rows = []
    for name, runs in record.programs.items():
        steady, count = record.median(name, "steady"), runs[0]["requests"]
        cells = [name, f"{len(runs)}", f"{count:,}", f"{steady:.2f}", f"{count / steady:,.0f}"]
        cells += [f"{record.median(name, 'seconds'):.1f}", f"{record.median(name, 'processor_seconds'):.1f}"]
        cells += [f"{runs[0]['accuracy']:.4f}", f"{record.facts['agreement'][name]:.2%}"]
        rows.append(cells)
    return rows


def counter_table(record: Record) -> str:
    """Returns a line a program of what does not depend on the machine; "-" where a program does not tell."""
    lines = []
    for name, runs in record.programs.items():
        known = dict(runs[0])
        if "prompt_tokens" in known:
            known["prefilled"] = known["prompt_tokens"] - known.get("cached_tokens", 0)
        cells = [f"{known[counter]:,.0f}" if counter in known else "-" for counter in _COUNTERS]
        lines.append([name, f"{known['requests']:,}", *cells])
    return table(("", "questions", *_COUNTERS.values()), lines)


#: Counters of a run, and what the page calls them.
_COUNTERS = {
    "images_decoded": "images decoded",
    "images_processed": "images processed",
    "prompt_tokens": "prompt tokens",
    "prefilled": "of them computed",
    "engine_steps": "engine steps",
}

#: The columns of `speed_rows`.
HEAD = (
    "",
    "runs",
    "questions",
    "steady s",
    "questions/s",
    "whole s",
    "processor s",
    "accuracy",
    "same answers",
)


def speed(record: Record, name: str) -> float:
    """Returns a program's steady questions a second."""
    return float(record.programs[name][0]["requests"]) / record.median(name, "steady")


def report(record: Record) -> Section:
    """Returns what the page says."""
    ratio = record.ratio("steady", "fasteval", "plain script")
    whole = record.ratio("seconds", "fasteval", "plain script, vLLM's defaults")
    ours = speed(record, "fasteval")
    targets = [
        Target("small images, steady time over the plain script's", "at most 0.70", f"{ratio:.2f}", ratio <= 0.7)
    ]
    for batch, aim in (("best", 1.8), ("1", 6.0)):
        for ending in ("", ", its own max tokens"):
            names = [name for name in record.programs if name.startswith("lmms-eval") and _fits(name, batch, ending)]
            factor = ours / max(speed(record, name) for name in names)
            what = f"small images, speed over lmms-eval's at its {batch} batch size{ending}"
            targets.append(Target(what, f"at least {aim:g}", f"{factor:.1f}", factor >= aim))
    targets.append(
        Target("small images, whole process over the script's with vLLM's defaults", "reported", f"{whole:.2f}", True)
    )
    chart = Chart("Small images", "questions/s", {
        name: [run["requests"] / run["steady"] for run in runs] for name, runs in record.programs.items()
    })  # fmt: skip
    text = f"{table(HEAD, speed_rows(record))}\n\n{counter_table(record)}"
    return Section("Small images", text, targets, [chart])


def _fits(name: str, batch: str, ending: str) -> bool:
    is_one = "batch size 1," in f"{name}," and "batch size 1024" not in name
    return is_one == (batch == "1") and ("its own" in name) == bool(ending)
