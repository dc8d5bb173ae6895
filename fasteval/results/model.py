"""`Results`: what a run found out, task by task and group by group."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fasteval.errors import UnknownNameError
from fasteval.results.statistics import RunStatistics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pandas import DataFrame

    from fasteval.results.report import Report
    from fasteval.results.sample import Sample, ScoredDocument

__all__ = ["GroupResult", "Results", "Score", "TaskResult"]


class Score(NamedTuple):
    """One metric under one filter.

    Attributes:
        metric: its name.
        filter: the filter's name.
        value: what came out.
        stderr: its standard error; "N/A" where the aggregation has none; None where nobody said.
        higher_is_better: the metric's direction; None where nobody said.
    """

    metric: str
    filter: str
    value: Any
    stderr: float | str | None
    higher_is_better: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    """What tasks and groups have in common.

    Attributes:
        name: the name.
        alias: the name that the table shows.
        version: of the task or group.
        metrics: values by "metric,filter"; empty for a group that only collects names.
        stderrs: standard errors by "metric_stderr,filter"; "N/A" where the aggregation has none.
        higher_is_better: direction by metric.
    """

    name: str
    alias: str = ""
    version: int | str = 0
    metrics: Mapping[str, Any] = field(default_factory=dict)
    stderrs: Mapping[str, float | str] = field(default_factory=dict)
    higher_is_better: Mapping[str, bool] = field(default_factory=dict)

    def scores(self) -> Iterator[Score]:
        """Yields the metrics under their filters."""
        for key, value in self.metrics.items():
            metric, _, filter_name = key.partition(",")
            stderr = self.stderrs.get(f"{metric}_stderr,{filter_name}")
            yield Score(metric, filter_name, value, stderr, self.higher_is_better.get(metric))


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult(_Scored):
    """The result of one task.

    Attributes:
        n_shot: examples before the question.
        n_docs: documents of the split.
        n_effective: documents that the run looked at, after limit and offset.
        errors: documents among them that have no score.
        failures: metrics that could not be aggregated, one line each.
        config: the task's configuration.
        documents: the scored documents, in document order.
        fingerprint: digest of the task's configuration, code and data.
        samples_file: where the lines of the samples file stand already; None where they have to be written.
        media: gives a document's media by its number, for reports; None where nobody can load them any more.
    """

    n_shot: int = 0
    n_docs: int = 0
    n_effective: int = 0
    errors: int = 0
    failures: Sequence[str] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    documents: Sequence[ScoredDocument] = ()
    fingerprint: str = ""
    samples_file: Path | None = None
    media: Callable[[int], Sequence[Any]] | None = None

    @property
    def samples(self) -> Iterator[Sample]:
        """The samples of all documents: one for each filter, in document order."""
        return (sample for document in self.documents for sample in document.samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupResult(_Scored):
    """The result of a group of tasks.

    Attributes:
        members: names of its tasks and groups.
    """

    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything that a run leaves behind.

    Attributes:
        model_name: the checkpoint's name or path; names the results' folder.
        tasks: results by task name.
        groups: results by group name.
        config: the run's settings, by field name.
        statistics: times and counts.
        versions: versions of the software that matters to the numbers, by package.
        started_at: seconds since 1970.
        finished_at: seconds since 1970.
        git_hash: commit of the working directory; None outside a repository.
        chat_template: text of the chat template that was applied; None if none was.
        model_fingerprint: what identifies the model in the cache.
        manifest: what the run was made of, part by part (`fasteval.evaluation.manifest`).
        interrupted: whether the run stopped before all requests were answered.
    """

    model_name: str
    tasks: Mapping[str, TaskResult]
    groups: Mapping[str, GroupResult] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    statistics: RunStatistics = field(default_factory=RunStatistics)
    versions: Mapping[str, str] = field(default_factory=dict)
    started_at: float = 0.0
    finished_at: float = 0.0
    git_hash: str | None = None
    chat_template: str | None = None
    model_fingerprint: str = ""
    interrupted: bool = False
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        """Documents that have no score, over all tasks."""
        return sum(task.errors for task in self.tasks.values())

    @property
    def is_complete(self) -> bool:
        """Whether every document that was asked for has a score, every metric a value, and promises were kept."""
        if (self.manifest.get("determinism") or {}).get("differing"):
            return False
        return not self.interrupted and not any(task.errors or task.failures for task in self.tasks.values())

    @property
    def media(self) -> dict[str, Callable[[int], Sequence[Any]]]:
        """By task what gives a document's media, where somebody can load them."""
        return {name: task.media for name, task in self.tasks.items() if task.media is not None}

    def error_rows(self) -> Iterator[tuple[str, int, str]]:
        """Yields (task, document, reason) of the documents that have no score; each once, whatever its filters."""
        for name, task in self.tasks.items():
            seen = set()
            for sample in task.samples if task.errors else ():
                if sample.error is not None and sample.doc_id not in seen:
                    seen.add(sample.doc_id)
                    yield name, sample.doc_id, sample.error

    def samples(self, task: str) -> list[dict[str, Any]]:
        """Returns the samples of a task, as the samples file has them.

        Raises:
            UnknownNameError: the run had no such task.
        """
        if task not in self.tasks:
            raise UnknownNameError("task", task, self.tasks, hint="not part of this run")
        return [sample.to_dict() for sample in self.tasks[task].samples]

    def to_dict(self) -> dict[str, Any]:
        """Returns what the results file holds, under lmms-eval's keys; secrets are redacted."""
        from fasteval.results.schema import results_to_dict

        return results_to_dict(self)

    def table(self) -> str:
        """Returns tasks and groups as a Markdown table."""
        from fasteval.results.table import plain_table

        return plain_table(self)

    def to_pandas(self) -> DataFrame:
        """Returns a row for each metric of each task: task, version, n_shot, metric, filter, value, stderr, and so on.

        Raises:
            UsageError: pandas is not installed.
        """
        from fasteval.results.table import results_frame

        return results_frame(self)

    def save(self, path: Path | str, *, log_samples: bool = True, layout: str = "fasteval") -> list[Path]:
        """Writes results and samples; returns the files, the results file first.

        Args:
            path: a folder, or the name of the results file itself (….json).
            log_samples: write the samples too.
            layout: whose names and shapes the files have: "fasteval", "lmms-eval" or "lm-eval".

        Raises:
            UnknownNameError: no layout has that name.
            OutputError: a file cannot be written.
        """
        from fasteval.results.files import save_results

        return save_results(self, Path(path), log_samples=log_samples, layout=layout)

    def report(self, path: Path | str) -> Path:
        """Writes the report, one HTML file that opens from disk and needs no network; returns the file.

        Raises:
            OutputError: it cannot be written.
        """
        from fasteval.results.report import write_report
        from fasteval.results.saved import saved_form

        write_report(saved_form(self), Path(path), self.media)
        return Path(path)

    def save_report(self, paths: Sequence[Path], *, log_samples: bool = True) -> Report:
        """Writes the report beside the results file, unless the same one is there (`fasteval.results.report`).

        Args:
            paths: the run's files: what `save` returned.
            log_samples: show the samples too.

        Raises:
            OutputError: it cannot be written.
        """
        from fasteval.results.report import save_report

        return save_report(self, paths, log_samples=log_samples)
