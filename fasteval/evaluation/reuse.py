"""Reuse of reports: a run that would say what an earlier one said takes that one's report, and reads no documents.

The report's key covers everything that a complete run depends on: settings, the tasks' configuration and code, the data
(`fasteval.tasks.witness`), the model's fingerprint, fasteval's own files and the versions of what it stands on. Where
one of these cannot be told without loading it, there is no key, and the run goes its usual way.
"""

from __future__ import annotations

import logging
import os
import shutil
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xxhash

import fasteval
from fasteval.evaluation.recorder import package_versions, plain_config
from fasteval.evaluation.settings import WITHOUT_EFFECT
from fasteval.results.encoding import to_json
from fasteval.results.kept import keep_report, read_report
from fasteval.tasks.requestcache import depends_on_files
from fasteval.tasks.witness import data_witness, file_state

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from fasteval.api.task import PromptOptions
    from fasteval.evaluation.settings import RunSettings
    from fasteval.evaluation.workload import Workload
    from fasteval.models.create import ModelSource
    from fasteval.results.kept import KeptReport
    from fasteval.results.model import Results
    from fasteval.tasks import ConfigurableTask, Group

_log = logging.getLogger(__name__)

__all__ = ["Reports"]

_FOLDER = "reports"
#: Reports that are kept beside one cache; the oldest go. Larger ones than this (some 200 MB) are not worth their place.
_MOST, _MOST_DOCUMENTS = 32, 200_000
# Raise it when the form changes, and no old report is mistaken for a new one.
_FORM = "report-1"


class Reports:
    """The reports beside a response cache, as one run sees them: there is nothing to find or keep without a key."""

    def __init__(self, responses: Path, key: str | None) -> None:
        """Takes the folder of the response cache and the run's key."""
        self._responses, self._key = responses, key

    @classmethod
    def of(
        cls, settings: RunSettings, source: ModelSource, workload: Workload, responses: Path, *, is_observed: bool
    ) -> Self:
        """Returns the reports for a run. It has no key where nobody can tell what it depends on, or it keeps nothing.

        Args:
            settings: the run.
            source: the model.
            workload: the tasks, no documents loaded.
            responses: the response cache that is used where the settings name none.
            is_observed: whether somebody wants to see the documents while they are scored.
        """
        is_judged = settings.judge is not None  # whose answers have keys of their own
        wants_to_see = is_judged or is_observed or settings.deterministic or settings.rewrite_requests_cache
        keeps_nothing = settings.no_cache or not settings.cache_sampled
        key = None if wants_to_see or keeps_nothing else _key(settings, source, workload)
        return cls(settings.use_cache or responses, key)

    def find(self) -> KeptReport | None:
        """Returns the run's report, if an earlier run kept it and nobody has emptied the cache since."""
        if self._key is None or not any(self._responses.glob("*.jsonl")):
            return None
        return read_report(self._responses / _FOLDER / self._key)

    def keep(self, results: Results, tasks: Iterable[ConfigurableTask], options: PromptOptions) -> Results:
        """Keeps the report of a complete run; returns the results, their samples in files.

        Documents that name files are not told by their data set alone, and have no report.
        """
        documents = sum(task.n_effective for task in results.tasks.values())
        if self._key is None or not results.is_complete or documents > _MOST_DOCUMENTS:
            return results
        if any(depends_on_files(task, task.pools(options), _folder(task), knows_lists=True) for task in tasks):
            return results
        try:
            reports = self._responses / _FOLDER
            kept = keep_report(reports / self._key, results)
            for folder in sorted(reports.iterdir(), key=lambda folder: folder.stat().st_mtime_ns)[:-_MOST]:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError as error:  # a report that is not kept costs the next run time, not this one its results
            _log.warning("the report is not kept for later runs: %s", error)
            return results
        return kept


def _key(settings: RunSettings, source: ModelSource, workload: Workload) -> str | None:
    if source.fingerprint is None or any(_has_code(group) for group in workload.groups.values()):
        return None
    tasks: dict[str, Any] = {}
    for name, task in workload.tasks.items():
        witness = _witness(task, settings)
        if witness is None:
            return None
        tasks[name] = [task.config.to_dict(), task.config.code_digest(), task.prompt_profile, witness]
    parts = {
        "form": _FORM,
        "settings": {name: value for name, value in plain_config(settings).items() if name not in WITHOUT_EFFECT},
        "folder": str(Path.cwd()),
        "program": _program_state(),
        "versions": package_versions(),
        "model": [source.name, source.fingerprint(), source.chat_template],
        "tasks": tasks,
        "groups": {name: repr(group) for name, group in workload.groups.items()},
    }
    return xxhash.xxh3_128_hexdigest(to_json(parts, sort_keys=True))


def _has_code(group: Group) -> bool:
    return any(callable(entry.aggregation) for entry in group.aggregate_metric_list)


def _witness(task: ConfigurableTask, settings: RunSettings) -> Any:
    """Returns what tells the task's data; documents that its own function makes are read, since nothing else does."""
    replaced = settings.datasets.get(task.config.dataset_path or "", settings.datasets.get(task.name))
    if task.config.custom_dataset is None or replaced is not None:
        return data_witness(task.config, _folder(task), settings.datasets)
    fewshot = task.config.num_fewshot if settings.num_fewshot is None else settings.num_fewshot
    return task.docs.fingerprint if task.docs.is_list and not fewshot else None


def _folder(task: ConfigurableTask) -> Path | None:
    path = task.config.source.path
    return path.parent if isinstance(path, Path) else None


@lru_cache(1)
def _program_state() -> str:
    """Returns a digest of the state of fasteval's own files, the library of tasks among them."""
    hasher = xxhash.xxh3_128()
    for parent, folders, names in os.walk(Path(fasteval.__file__).parent, followlinks=True):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            hasher.update(repr(file_state(Path(parent) / name)).encode())
    return hasher.hexdigest()
