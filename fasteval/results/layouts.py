"""Layouts: what the files of a run are called and how they are shaped, as other harnesses' readers expect them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fasteval.errors import UnknownNameError
from fasteval.results.encoding import as_texts, document_hash, text_hash
from fasteval.results.naming import UNSAFE, date_string, sanitize_name, shorten
from fasteval.results.schema import results_to_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from fasteval.results.model import GroupResult, Results, TaskResult
    from fasteval.results.sample import Sample

__all__ = ["LAYOUTS", "Layout", "find_layout", "lm_eval_results", "lm_eval_sample"]


def _lm_eval_stamp(seconds: float) -> str:
    """Returns local time in ISO form, with dashes for colons."""
    # Local time without a zone is what its readers sort by.
    return datetime.fromtimestamp(seconds).isoformat(timespec="microseconds").replace(":", "-")


def _lm_eval_folder(model_name: str) -> str:
    """Returns the model's folder: all parts of its name, "__" between them."""
    return shorten(UNSAFE.sub("__", model_name))


def lm_eval_results(results: Results) -> dict[str, Any]:
    """Returns what the results file holds: lm-eval 0.4.13's keys and, as top-level keys that it does not know, our own.

    Its sources are lm_eval/result_schema.py and loggers/evaluation_tracker.py.
    """
    content = results_to_dict(results)
    groups = {name: group for name, group in results.groups.items() if group.metrics}
    sizes = {name: task.n_effective - task.errors for name, task in results.tasks.items()}
    for section in ("results", "groups"):
        for name, entry in content.get(section, {}).items():
            content[section][name] = _entry(name, entry, _size(name, sizes, groups), is_group=name in groups)
    content["date"] = results.started_at
    content["model_name_sanitized"] = _lm_eval_folder(str(content["model_name"]))
    content["task_hashes"] = {
        # The digest over the hashes of all samples, in document order.
        name: text_hash("".join("".join(_hashes(sample).values()) for sample in task.samples))
        for name, task in results.tasks.items()
        if task.documents
    }
    content["transformers_version"] = results.versions.get("transformers")
    return content


def _entry(name: str, entry: dict[str, Any], size: int, *, is_group: bool) -> dict[str, Any]:
    """Returns a task's or group's values with the names of the fixed keys."""
    values = {key: value for key, value in entry.items() if key != "samples"}
    fixed: dict[str, Any] = {"name": name, "alias": values.pop("alias"), "sample_len": size}
    if is_group:
        fixed["sample_count"] = {key: size for key in values if "_stderr," not in key}
    return fixed | values


def _size(name: str, sizes: dict[str, int], groups: dict[str, GroupResult]) -> int:
    """Returns the documents that a task's or group's values come from."""
    if name in sizes:
        return sizes[name]
    return sum(_size(member, sizes, groups) for member in groups[name].members) if name in groups else 0


def _lm_eval_line(sample: Sample, task: TaskResult) -> dict[str, Any]:
    """Returns one line: `arguments` by request, answers as texts, hashes of document, prompt and target."""
    line = lm_eval_sample(sample, task)
    return line | {
        "target": str(line["target"]),
        "arguments": {
            f"gen_args_{slot}": {f"arg_{place}": part for place, part in enumerate(parts)}
            for slot, parts in enumerate(line["arguments"])
        },
        "resps": as_texts(line["resps"]),
        "filtered_resps": as_texts(line["filtered_resps"]),
    }


def lm_eval_sample(sample: Sample, task: TaskResult) -> dict[str, Any]:
    """Returns the sample as `lm_eval.simple_evaluate` does, before its tracker writes it: answers are what they are.

    A document that has no score, which lm-eval does not know, has the reason in `error`.
    """
    prompt, choices = _prompt(sample), sample.continuations
    # Choices are requests, repeated texts are answers to one.
    kwargs = task.config.get("generation_kwargs") or {}
    line: dict[str, Any] = {
        "doc_id": sample.doc_id,
        "doc": sample.doc,
        "target": sample.target,
        "arguments": [(prompt, kwargs)] if choices is None else [(prompt, choice) for choice in choices],
        "resps": [list(sample.resps)] if choices is None else [[answer] for answer in sample.resps],
        "filtered_resps": list(sample.filtered_resps),
        "filter": sample.filter,
        "metrics": list(sample.metrics),
    }
    line |= _hashes(sample)
    if sample.error is not None:
        line["error"] = sample.error
    return line | {name: value for name, value in sample.metrics.items() if name not in line}


def _prompt(sample: Sample) -> str:
    return sample.prompt if isinstance(sample.prompt, str) else sample.context


def _hashes(sample: Sample) -> dict[str, str]:
    return {
        "doc_hash": document_hash(sample.doc),
        "prompt_hash": text_hash(_prompt(sample)),
        "target_hash": text_hash(str(sample.target)),
    }


@dataclass(frozen=True, slots=True)
class Layout:
    """How a run's files are named and shaped.

    Attributes:
        name: as in `--layout`.
        stamp: the text for the time of a run in file names, from seconds since 1970.
        joint: what stands between a stamp and the number or rank that tells equal ones apart.
        folder: the model's folder, from the model's name.
        results_name: pattern of the results file's name, with `{stamp}`.
        samples_name: pattern of a samples file's name, with `{stamp}` and `{task}`.
        stamps_named_file: whether a results file that the user names gets a stamp too.
        results: what the results file holds.
        sample: what a line of a samples file holds.
    """

    name: str
    stamp: Callable[[float], str]
    joint: str
    folder: Callable[[str], str]
    results_name: str
    samples_name: str
    stamps_named_file: bool
    results: Callable[[Results], dict[str, Any]]
    sample: Callable[[Sample, TaskResult], dict[str, Any]]

    def paths(self, results: Results, output_path: Path) -> tuple[Path, Callable[[str], Path]]:
        """Returns the results file of a run under `output_path`, and the function from a task to its samples file.

        An `output_path` that ends in .json is the results file itself, and the samples stand beside it.
        """
        stamp = self.stamp(results.started_at)
        if (results.config.get("world_size") or 1) > 1:
            stamp += f"{self.joint}rank{results.config.get('rank', 0)}"
        if output_path.suffix.lower() == ".json":
            named = output_path.with_stem(f"{output_path.stem}_{stamp}") if self.stamps_named_file else output_path
            return named, self._samples_beside(named, stamp if self.stamps_named_file else output_path.stem)
        folder = output_path / self.folder(results.model_name)
        # Two runs within one tick of the stamp must not overwrite each other.
        number, unique = 1, stamp
        while (folder / self.results_name.format(stamp=unique)).exists():
            number += 1
            unique = f"{stamp}{self.joint}{number}"
        path = folder / self.results_name.format(stamp=unique)
        return path, self._samples_beside(path, unique)

    def _samples_beside(self, path: Path, stamp: str) -> Callable[[str], Path]:
        return lambda task: path.with_name(self.samples_name.format(stamp=stamp, task=sanitize_name(task)))


def _lmms_eval_sample(sample: Sample, _task: TaskResult) -> dict[str, Any]:
    """Returns a line as lmms-eval 0.7.3 writes it (lmms_eval/loggers/evaluation_tracker.py): its `--baseline` reads it.

    It is without document and arguments, and metric values stand at the top level. A list of one answer is that answer,
    and the raw answers are left out where filtering changed nothing. A document that has no score, which lmms-eval does
    not know, has the reason in `error`.
    """
    raw, filtered = _unwrapped(as_texts(sample.resps)), _unwrapped(as_texts(sample.filtered_resps))
    line: dict[str, Any] = {
        "doc_id": sample.doc_id,
        "target": str(sample.target),
        "filtered_resps": filtered,
        "token_counts": [{"output_tokens": sample.output_tokens}],
        "doc_hash": document_hash(sample.doc),
        "input": sample.context,
    }
    if raw != filtered:
        line["resps"] = raw
    if sample.error is not None:
        line["error"] = sample.error
    return line | {name: value for name, value in sample.metrics.items() if name not in line}


def _unwrapped(answers: Sequence[Any]) -> Any:
    return answers[0] if len(answers) == 1 else answers


_OWN = Layout(
    name="fasteval",
    stamp=date_string,
    joint="_",
    folder=sanitize_name,
    results_name="{stamp}_results.json",
    samples_name="{stamp}_samples_{task}.jsonl",
    stamps_named_file=False,
    results=results_to_dict,
    sample=lambda sample, _task: sample.to_dict(),
)


_LM_EVAL = Layout(
    name="lm-eval",
    stamp=_lm_eval_stamp,
    joint="-",
    folder=_lm_eval_folder,
    results_name="results_{stamp}.json",
    samples_name="samples_{task}_{stamp}.jsonl",
    stamps_named_file=True,
    results=lm_eval_results,
    sample=_lm_eval_line,
)


#: By name; the first is what a run writes where nothing is said.
LAYOUTS: dict[str, Layout] = {
    "fasteval": _OWN,
    "lmms-eval": replace(_OWN, name="lmms-eval", sample=_lmms_eval_sample),
    "lm-eval": _LM_EVAL,
}


def find_layout(name: str) -> Layout:
    """Returns the layout of that name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in LAYOUTS:
        raise UnknownNameError("layout", name, LAYOUTS, hint=f"the layouts are {', '.join(LAYOUTS)}")
    return LAYOUTS[name]
