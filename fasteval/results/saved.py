"""`SavedRun`: what an earlier run left on disk, read back: fasteval's files, lmms-eval's and lm-eval's."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from fasteval.errors import SavedResultsError
from fasteval.results.naming import sanitize_name
from fasteval.safety.paths import is_file, is_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fasteval.results.model import Results

__all__ = ["SavedRun", "SavedTask", "rank_files", "read_run", "saved_form", "value_of"]

# "20261123_082850_samples_mme.jsonl", "run_samples_mme.jsonl", and lm-eval's "samples_mme_2026-11-23T08-28-50.1.jsonl".
_SAMPLES_NAME = re.compile(r"^(?:.*_)?samples_(?P<task>.+?)(?:_\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}(?:\.\d+)?)?\.jsonl$")
_RESULTS_NAMES = ("*_results.json", "results_*.json")
_PROGRAMS = {"fasteval_version": "fasteval", "lmms_eval_version": "lmms-eval", "lm_eval_version": "lm-eval"}
_RANK = re.compile(r"_rank(\d+)(?:_\d+)?_results\.json$")
_DATE_AT_END = re.compile(r"_(\d{4}-\d{2}-\d{2}T[\d.-]+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedTask:
    """One task of a saved run.

    Attributes:
        name: the task's name.
        samples: the lines of the samples file, in its order; none if there is no such file.
        values: the results file's entry: values by "metric,filter", and what stands among them.
        config: the task's configuration; empty if only samples are there.
        facts: what the results file says of the task in its other tables (version, n-shot, digest, …), by their names.
    """

    name: str
    samples: list[dict[str, Any]]
    values: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def metric_keys(self) -> list[str]:
        """The "metric,filter" names of the values, in the results file's order."""
        errors = ("_stderr", "_stderr_clt", "_stderr_clustered")
        return [key for key in self.values if "," in key and not key.partition(",")[0].endswith(errors)]

    @property
    def cluster_key(self) -> str | None:
        """The documents' column whose equal values belong together; None where each document stands for itself."""
        return self.config.get("cluster_key")

    def higher_is_better(self, metric: str) -> bool:
        """Returns the direction of a metric, or of a "metric,filter"; up where the file does not say."""
        return bool((self.facts.get("higher_is_better") or {}).get(metric.partition(",")[0], True))

    def number(self, value: Any) -> float | None:
        """Returns a document's value as a number: itself, or the score of a mapping that has one; None for others."""
        if isinstance(value, Mapping):
            value = value.get(self.config.get("score_key") or "score")
        is_number = isinstance(value, int | float) and math.isfinite(value)
        return float(value) if is_number else None


def value_of(sample: Mapping[str, Any], metric: str) -> Any:
    """Returns a sample's value of a metric as its file has it; None if it has none."""
    return sample.get(f"metric_{metric}", sample.get(metric))


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRun:
    """A run as its files tell it.

    Attributes:
        path: the file that was read, or "" for a run that has just ended.
        program: "fasteval", "lmms-eval" or "lm-eval"; "" where nothing tells.
        tasks: by name.
        facts: the results file as it is; empty if only samples are there.
    """

    path: str
    program: str
    tasks: Mapping[str, SavedTask]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The model's name, or the file's where none is known."""
        return str(self.facts.get("model_name") or Path(self.path).name or "this run")

    @property
    def settings(self) -> Mapping[str, Any]:
        """The run's settings by the names of their flags; empty where the files do not say."""
        config = self.facts.get("config")
        settings: Mapping[str, Any] = (config.get("resolved_cli_args") if isinstance(config, dict) else None) or {}
        return settings


def read_run(path: Path | str) -> SavedRun:
    """Returns the run that a results file, a samples file, or the newest results file in a folder describes.

    Raises:
        SavedResultsError: there is none, or it cannot be read; the text says which file and line.
    """
    path = Path(path)
    if is_folder(path):
        path = _newest(path)
    if not is_file(path):
        raise SavedResultsError(f"{path}: no such results file or folder")
    if path.suffix == ".jsonl":
        return _from_samples(path)
    facts = _read_json(path)
    if not isinstance(facts.get("results"), dict):
        raise SavedResultsError(f"{path}: this is no results file: it has no table 'results'")
    names = [name for name in facts.get("configs") or facts["results"] if name in facts["results"]]
    files = _samples_files(path)
    tasks = {}
    for name in names:
        file = files.get(name) or files.get(sanitize_name(name))
        tasks[name] = _task(name, facts, [] if file is None else list(_lines(file)))
    program = next((name for key, name in _PROGRAMS.items() if key in facts), "")
    return SavedRun(path=str(path), program=program, tasks=tasks, facts=facts)


def rank_files(path: Path | str) -> list[Path]:
    """Returns the newest results file of each rank in a folder, by rank; a file is returned as it is.

    Raises:
        SavedResultsError: there is none in the folder.
    """
    path = Path(path)
    if not path.is_dir():
        return [path]
    found = sorted(path.rglob("*_results.json"), key=_age)
    newest = {int(match[1]): file for file in found if (match := _RANK.search(file.name))}
    if not newest:
        raise SavedResultsError(f"{path}: no results of ranks in this folder (looked for *_rank<N>_results.json)")
    return [newest[rank] for rank in sorted(newest)]


def saved_form(results: Results) -> SavedRun:
    """Returns a run that has just ended as its files would tell it; samples that were not asked for are there too."""
    from fasteval.results.encoding import to_json

    facts = orjson.loads(to_json(results.to_dict()))
    tasks = {
        name: _task(name, facts, [orjson.loads(to_json(sample.to_dict())) for sample in task.samples])
        for name, task in results.tasks.items()
    }
    return SavedRun(path="", program="fasteval", tasks=tasks, facts=facts)


def _newest(folder: Path) -> Path:
    found = {path for pattern in _RESULTS_NAMES for path in folder.rglob(pattern)}
    if not found:
        raise SavedResultsError(f"{folder}: no results file in this folder (looked for {' and '.join(_RESULTS_NAMES)})")
    return max(found, key=_age)


def _age(path: Path) -> tuple[int, str]:
    return path.stat().st_mtime_ns, str(path)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        facts = orjson.loads(path.read_bytes())
    except OSError as error:
        raise SavedResultsError(f"{path}: {error.strerror or error}") from error
    except orjson.JSONDecodeError as error:
        raise SavedResultsError(f"{path}: not JSON: {error}") from error
    if not isinstance(facts, dict):
        raise SavedResultsError(f"{path}: this is no results file: it holds no object")
    return facts


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                sample = orjson.loads(line)
                if not isinstance(sample, dict) or not isinstance(sample.get("doc_id"), int):
                    raise SavedResultsError(f"{path}:{number}: not a sample: it has no doc_id")
                yield sample
    except OSError as error:
        raise SavedResultsError(f"{path}: {error.strerror or error}") from error
    except orjson.JSONDecodeError as error:
        raise SavedResultsError(f"{path}:{number}: not JSON: {error}") from error


def _samples_files(results: Path) -> dict[str, Path]:
    """Returns the samples files that belong to a results file, by the task's name as the file names spell it."""
    date = _DATE_AT_END.search(results.stem)
    if date is not None:  # lm-eval's
        prefix, suffix = "samples_", f"_{date.group(1)}.jsonl"
    else:
        prefix, suffix = f"{results.stem.removesuffix('_results')}_samples_", ".jsonl"
    return {
        path.name.removeprefix(prefix).removesuffix(suffix): path
        for path in results.parent.iterdir()
        if path.name.startswith(prefix) and path.name.endswith(suffix)
    }


def _from_samples(path: Path) -> SavedRun:
    match = _SAMPLES_NAME.match(path.name)
    name = match.group("task") if match else path.stem
    samples: dict[str, list[dict[str, Any]]] = {}
    for sample in _lines(path):  # the lines of `fasteval prompts dump` name their task, and have no document
        samples.setdefault(name if "doc" in sample else str(sample.get("task", name)), []).append(sample)
    if not samples:
        raise SavedResultsError(f"{path}: there are no samples in this file")
    tasks = {task: SavedTask(name=task, samples=lines) for task, lines in samples.items()}
    return SavedRun(path=str(path), program=_program_of(next(iter(samples.values()))[0]), tasks=tasks)


def _task(name: str, facts: Mapping[str, Any], samples: list[dict[str, Any]]) -> SavedTask:
    tables = ("versions", "n-shot", "higher_is_better", "n-samples", "errors", "failures", "task_hashes")
    own = {table: facts[table][name] for table in tables if name in (facts.get(table) or ())}
    config = (facts.get("configs") or {}).get(name) or {}
    return SavedTask(name=name, samples=samples, values=facts["results"][name], config=config, facts=own)


def _program_of(sample: Mapping[str, Any]) -> str:
    if "prompt" in sample and "output_tokens" in sample:
        return "fasteval"
    return "lm-eval" if "prompt_hash" in sample else "lmms-eval" if "input" in sample else ""
