"""`Sweep`: what the checkpoints of a sweep scored: a table, a curve over the steps, and everything as JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import TYPE_CHECKING, Any

from fasteval.errors import UsageError
from fasteval.results.encoding import to_json
from fasteval.results.files import complete_file, output_errors
from fasteval.results.linechart import LineChart, Series, draw
from fasteval.results.markdown import markdown_table
from fasteval.results.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fasteval.evaluation.settings import RunSettings
    from fasteval.results.model import GroupResult, Results, TaskResult
    from fasteval.sweep.checkpoints import Checkpoint

__all__ = ["Point", "Sweep"]


@dataclass(frozen=True, slots=True)
class Point:
    """One checkpoint of a sweep.

    Attributes:
        checkpoint: the checkpoint.
        results: what came out; None where it could not be evaluated.
        error: the reason why.
    """

    checkpoint: Checkpoint
    results: Results | None = None
    error: str | None = None

    def values(self) -> Iterator[tuple[tuple[str, str], float, float]]:
        """Yields ((task, metric), value, standard error) of groups, and of tasks that are in none.

        A standard error that nobody knows is nan; values that are no numbers are left out.
        """
        if self.results is None:
            return
        groups = [group for group in self.results.groups.values() if group.metrics]
        members = {name for group in groups for name in _members(group.name, self.results)}
        entries: list[GroupResult | TaskResult] = [
            *groups,
            *(task for name, task in self.results.tasks.items() if name not in members),
        ]
        for entry in entries:
            for score in entry.scores():
                if isinstance(score.value, Real):
                    name = score.metric if score.filter in ("", "none") else f"{score.metric} ({score.filter})"
                    stderr = float(score.stderr) if isinstance(score.stderr, Real) else math.nan
                    yield (entry.name, name), float(score.value), stderr

    def to_dict(self) -> dict[str, Any]:
        """Returns the point as JSON has it."""
        about = {"checkpoint": str(self.checkpoint.path), "step": self.checkpoint.step, "error": self.error}
        if self.results is None:
            return about
        statistics = self.results.statistics
        return about | {
            "complete": self.results.is_complete,
            "model_fingerprint": self.results.model_fingerprint,
            "wall_seconds": statistics.wall_seconds,
            "stages": dict(statistics.stages),
            "requests": statistics.requests,
            "sent": statistics.sent,
            "results": {name: {**task.metrics, **task.stderrs} for name, task in self.results.tasks.items()},
            "groups": {name: {**group.metrics, **group.stderrs} for name, group in self.results.groups.items()},
        }


@dataclass(slots=True)
class Sweep:
    """A run that is made with many checkpoints.

    Attributes:
        settings: the run, without a checkpoint.
        points: what has come out so far, in the order in which it did.
    """

    settings: RunSettings
    points: list[Point] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuses a run that has its checkpoint already, or one file for the results of all."""
        if not isinstance(self.settings.model, str):
            raise UsageError("a sweep needs a model's name: an object has no checkpoints")
        for name in ("pretrained", "model"):
            if name in self.settings.model_args:
                raise UsageError(f"--model_args {name} and --checkpoints contradict each other")
        if self.settings.output_path is not None and self.settings.output_path.suffix.lower() == ".json":
            raise UsageError(f"--output_path {self.settings.output_path}: a sweep writes a folder, not one file")

    def run_of(self, checkpoint: Checkpoint) -> RunSettings:
        """Returns the run of one checkpoint."""
        return replace(self.settings, model_args={**self.settings.model_args, "pretrained": str(checkpoint.path)})

    @property
    def is_complete(self) -> bool:
        """Whether every checkpoint was evaluated, and every document has a score."""
        return all(point.results is not None and point.results.is_complete for point in self.points)

    def to_dict(self) -> dict[str, Any]:
        """Returns all points, in the order of their steps."""
        return {"sweep": [point.to_dict() for point in self._ordered()]}

    def table(self) -> str:
        """Returns a Markdown table: a row a checkpoint, a column a metric, with standard errors."""
        points = self._ordered()
        keys = list(dict.fromkeys(key for point in points for key, _, _ in point.values()))
        one_task = len({task for task, _ in keys}) == 1
        columns = ["checkpoint", *(_heading(metric if one_task else f"{task} {metric}") for task, metric in keys)]
        rows = []
        for point in points:
            values = {key: _cell(value, stderr) for key, value, stderr in point.values()}
            rows.append([_heading(point.checkpoint.label), *(values.get(key, "-") for key in keys)])
        return "\n".join(markdown_table(columns, rows, right=columns))

    def curve(self) -> str:
        """Returns the curve of each metric over the steps as SVG, with standard errors."""
        points = [point for point in self._ordered() if point.results is not None]
        has_steps = all(point.checkpoint.step is not None for point in points)
        places = [float(point.checkpoint.step or 0) if has_steps else float(n) for n, point in enumerate(points, 1)]
        series: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
        for place, point in zip(places, points, strict=True):
            for key, value, stderr in point.values():
                if math.isfinite(value):
                    series.setdefault(key, []).append((place, value, 0.0 if math.isnan(stderr) else stderr))
        label = "step" if has_steps else "checkpoint"
        return draw([LineChart(f"{task}: {metric}", label, [Series("", p)]) for (task, metric), p in series.items()])

    def save(self, folder: Path) -> list[Path]:
        """Writes sweep.json and sweep.svg; returns the files.

        Raises:
            OutputError: one cannot be written.
        """
        contents = {"sweep.json": to_json(self.to_dict(), indent=True) + b"\n", "sweep.svg": self.curve().encode()}
        with output_errors(f"to {folder}"):
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in contents.items():
                with complete_file(folder / name) as file:
                    file.write(content)
        return [folder / name for name in contents]

    def _ordered(self) -> list[Point]:
        return sorted(self.points, key=lambda point: point.checkpoint.order)


def _members(group: str, results: Results) -> Iterator[str]:
    """Yields the names of a group's tasks, those of the groups in it among them."""
    for name in results.groups[group].members:
        if name in results.groups:
            yield from _members(name, results)
        yield name


def _heading(text: str) -> str:
    return printable(text, 60).replace("|", "\\|")


def _cell(value: float, stderr: float) -> str:
    return f"{value:.4f}" if math.isnan(stderr) else f"{value:.4f} ±{stderr:.4f}"
