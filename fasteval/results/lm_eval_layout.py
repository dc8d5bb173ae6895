"""Results and samples as lm-eval 0.4.13 writes them: lm_eval/result_schema.py and loggers/evaluation_tracker.py."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from fasteval.results.encoding import as_texts, document_hash, text_hash
from fasteval.results.naming import UNSAFE, shorten
from fasteval.results.schema import results_to_dict as own_results

if TYPE_CHECKING:
    from fasteval.results.model import GroupResult, Results, TaskResult
    from fasteval.results.sample import Sample

__all__ = ["folder", "results_to_dict", "sample_in_memory", "sample_to_dict", "stamp"]


def stamp(seconds: float) -> str:
    """Returns local time in ISO form, with dashes for colons."""
    # Local time without a zone is what its readers sort by.
    return datetime.fromtimestamp(seconds).isoformat(timespec="microseconds").replace(":", "-")


def folder(model_name: str) -> str:
    """Returns the model's folder: all parts of its name, "__" between them."""
    return shorten(UNSAFE.sub("__", model_name))


def results_to_dict(results: Results) -> dict[str, Any]:
    """Returns what the results file holds: lm-eval's keys and, as top-level keys that it does not know, our own."""
    content = own_results(results)
    groups = {name: group for name, group in results.groups.items() if group.metrics}
    sizes = {name: task.n_effective - task.errors for name, task in results.tasks.items()}
    for section in ("results", "groups"):
        for name, entry in content.get(section, {}).items():
            content[section][name] = _entry(name, entry, _size(name, sizes, groups), is_group=name in groups)
    content["date"] = results.started_at
    content["model_name_sanitized"] = folder(str(content["model_name"]))
    content["task_hashes"] = {name: _task_hash(task) for name, task in results.tasks.items() if task.documents}
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


def sample_to_dict(sample: Sample, task: TaskResult) -> dict[str, Any]:
    """Returns one line: `arguments` by request, answers as texts, hashes of document, prompt and target."""
    line = sample_in_memory(sample, task)
    return line | {
        "target": str(line["target"]),
        "arguments": {
            f"gen_args_{slot}": {f"arg_{place}": part for place, part in enumerate(parts)}
            for slot, parts in enumerate(line["arguments"])
        },
        "resps": as_texts(line["resps"]),
        "filtered_resps": as_texts(line["filtered_resps"]),
    }


def sample_in_memory(sample: Sample, task: TaskResult) -> dict[str, Any]:
    """Returns the sample as `lm_eval.simple_evaluate` does, before its tracker writes it: answers are what they are.

    A document that has no score, which lm-eval does not know, has the reason in `error`.
    """
    line: dict[str, Any] = {
        "doc_id": sample.doc_id,
        "doc": sample.doc,
        "target": sample.target,
        "arguments": _arguments(sample, task),
        "resps": _by_request(sample),
        "filtered_resps": list(sample.filtered_resps),
        "filter": sample.filter,
        "metrics": list(sample.metrics),
    }
    line |= _hashes(sample)
    if sample.error is not None:
        line["error"] = sample.error
    return line | {name: value for name, value in sample.metrics.items() if name not in line}


def _arguments(sample: Sample, task: TaskResult) -> list[tuple[Any, ...]]:
    """Returns what each request asked: prompt and continuation, or prompt and generation kwargs."""
    if sample.continuations is not None:
        return [(_prompt(sample), continuation) for continuation in sample.continuations]
    return [(_prompt(sample), task.config.get("generation_kwargs") or {})]


def _by_request(sample: Sample) -> list[Any]:
    """Returns for each request the list of its answers: choices are requests, repeated texts are answers to one."""
    if sample.continuations is not None:
        return [[answer] for answer in sample.resps]
    return [list(sample.resps)]


def _prompt(sample: Sample) -> str:
    return sample.prompt if isinstance(sample.prompt, str) else sample.context


def _hashes(sample: Sample) -> dict[str, str]:
    return {
        "doc_hash": document_hash(sample.doc),
        "prompt_hash": text_hash(_prompt(sample)),
        "target_hash": text_hash(str(sample.target)),
    }


def _task_hash(task: TaskResult) -> str:
    """Returns the digest over the hashes of all samples, in document order."""
    return text_hash("".join("".join(_hashes(sample).values()) for sample in task.samples))
