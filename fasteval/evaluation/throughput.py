"""`Throughput`: how fast a model answers tasks, or requests made up for it, over whole runs without a cache."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any

from fasteval.errors import UsageError
from fasteval.evaluation.run import evaluate
from fasteval.results.markdown import markdown_table
from fasteval.results.statistics import STAGES, RunStatistics
from fasteval.tasks import ConfigurableTask, TaskConfig
from fasteval.tasks.loading import TaskFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from fasteval.evaluation.settings import RunSettings
    from fasteval.results.progress import Progress

__all__ = ["Synthetic", "Throughput", "measure"]

_WORDS = ("time", "year", "people", "way", "day", "man", "thing", "woman", "life", "child", "world", "school", "state")
_RATES = {
    "requests_per_second": "requests/s",
    "engine_requests_per_second": "requests/s, engine stage",
    "tokens_per_second": "output tokens/s",
    "engine_tokens_per_second": "output tokens/s, engine stage",
    "engine_prompt_tokens_per_second": "prompt tokens/s, engine stage",
}
_COUNTS = ("requests", "sent", "prompt_tokens", "output_tokens", "truncated", "errors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthetic:
    """Requests that differ from one another, all of one shape.

    Attributes:
        requests: how many.
        words: words of each prompt, a token or so each.
        output_tokens: tokens of each answer; no answer ends before.
        images: images of noise before each prompt.
        image_size: their width and height in pixels.
    """

    requests: int = 256
    words: int = 256
    output_tokens: int = 32
    images: int = 0
    image_size: int = 336

    def __post_init__(self) -> None:
        """Refuses what is no request."""
        for name in ("requests", "words", "output_tokens", "image_size"):
            if getattr(self, name) < 1:
                raise UsageError(f"--{name} must be at least 1, got {getattr(self, name)}")
        if self.images < 0:
            raise UsageError(f"--images must not be negative, got {self.images}")

    def task(self) -> ConfigurableTask:
        """Returns a task that asks them. It has no right answers."""
        tokens = {"max_new_tokens": self.output_tokens, "min_tokens": self.output_tokens, "until": []}
        settings = {
            "task": "synthetic",
            "custom_dataset": self.documents,
            "test_split": "test",
            "doc_to_text": "{{text}}",
            "doc_to_target": "",
            "generation_kwargs": tokens,
            "metric_list": [{"metric": "exact_match"}],
        }
        if self.images:
            settings["doc_to_visual"] = [f"image {number}" for number in range(self.images)]
        return ConfigurableTask(TaskConfig.from_file(TaskFile("made-up requests", settings)))

    def documents(self) -> dict[str, list[dict[str, Any]]]:
        """Returns the data set: random words, and random pictures as JPEG. The same each time."""
        return {"test": [self._document(random.Random(number)) for number in range(self.requests)]}  # noqa: S311 - see above

    def _document(self, draw: random.Random) -> dict[str, Any]:
        images = {f"image {n}": {"bytes": _picture(draw, self.image_size)} for n in range(self.images)}
        return {"text": " ".join(draw.choices(_WORDS, k=self.words)), **images}


@dataclass(frozen=True, slots=True)
class Throughput:
    """What some runs of the same settings took.

    Attributes:
        runs: the statistics of each.
        errors: documents of all runs that have no score: the figures are then those of less work.
    """

    runs: tuple[RunStatistics, ...]
    errors: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Returns the statistics and counters of each run, and the medians of their times and rates."""
        runs = [_described(run) for run in self.runs]
        medians = {name: median(run[name] for run in runs) for name in ("wall_seconds", *_RATES)}
        stages = {stage: median(run["stages"][stage] for run in runs) for stage in STAGES}
        return {"median": medians | {"stages": stages}, "errors": self.errors, "runs": runs}

    def table(self) -> str:
        """Returns seconds and rates of each run and their median, and below it what was counted in the last run."""
        described = self.to_dict()
        runs = {f"run {number}": run for number, run in enumerate(described["runs"], 1)}
        columns = runs if len(runs) == 1 else runs | {"median": described["median"]}
        rows = [["whole run, s", *(_figure(run["wall_seconds"]) for run in columns.values())]]
        rows += [[f"{stage}, s", *(_figure(run["stages"][stage]) for run in columns.values())] for stage in STAGES]
        rows += [[name, *(_figure(run[rate]) for run in columns.values())] for rate, name in _RATES.items()]
        last = described["runs"][-1]
        counts = {name: last[name] for name in _COUNTS} | {name: n for name, n in last["counters"].items() if n}
        lines = [f"{name.replace('_', ' ')}: {count:,.0f}" for name, count in counts.items()]
        peak = [f"peak memory: {last['peak_memory_bytes'] / 1e9:.1f} GB"] if last["peak_memory_bytes"] else []
        return "\n".join([*markdown_table(["", *columns], rows, right=columns), "", *lines, *peak])


def _described(run: RunStatistics) -> dict[str, Any]:
    engine = run.stages.get("engine", 0.0)
    rate = {"engine_prompt_tokens_per_second": run.prompt_tokens / engine if engine else 0.0}
    return run.to_dict() | rate | {"counters": dict(run.counters)}


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}"


def _picture(draw: random.Random, size: int) -> bytes:
    from PIL import Image

    coarse = Image.frombytes("RGB", (16, 16), draw.randbytes(16 * 16 * 3))
    buffer = io.BytesIO()
    coarse.resize((size, size)).save(buffer, "JPEG")
    return buffer.getvalue()


def measure(settings: RunSettings, runs: int, progress: Callable[[], Progress]) -> Throughput:
    """Runs an evaluation some times, each with an engine and without any cache of its own, and returns what it took.

    Args:
        settings: the run; whatever it says of caches and files, none are read or written.
        runs: how often.
        progress: gives what is told how far a run is.

    Raises:
        FastEvalError: something that concerns the whole run.
    """
    settings = replace(settings, no_cache=True, use_cache=None, output_path=None, report=False)
    statistics, errors = [], 0
    for _ in range(runs):
        shown = progress()
        try:
            results = evaluate(settings, progress=shown)
        finally:
            shown.stop()
        statistics.append(results.statistics)
        errors += results.errors
    return Throughput(tuple(statistics), errors)
