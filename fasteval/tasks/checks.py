"""What each field of a task file may hold, and which values this version cannot honour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasteval.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fasteval.tasks.config import TaskConfig

__all__ = [
    "FEWSHOT_FIELDS",
    "FIELD_CHECKS",
    "LISTED_TYPES",
    "FieldProblem",
    "check_together",
    "check_unsupported",
    "read_metadata",
]

#: What `fewshot_config` may hold.
FEWSHOT_FIELDS = ("sampler", "samples", "split", "doc_to_text", "doc_to_target", "doc_to_choice")


class FieldProblem(ValueError):  # noqa: N818 - it never leaves this room: it becomes a TaskFileError with a place
    """A field has a value that it cannot have."""


def _text(value: Any) -> Any:
    if value is not None and not isinstance(value, str):
        raise FieldProblem(f"expected a text, got {value!r}")
    return value


def _name(value: Any) -> Any:
    """A text; a bare number in YAML (`dataset_name: 2024`) is meant as one."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise FieldProblem(f"expected true or false, got {value!r}")
    return value


def _mapping(value: Any) -> Any:
    if not isinstance(value, dict):
        raise FieldProblem(f"expected a mapping, got {value!r}")
    return value


def _function(value: Any) -> Any:
    if value is not None and not callable(value):
        raise FieldProblem(f"expected !function module.name, got {value!r}")
    return value


def _one_of(*kinds: type, what: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        is_right = value is None or callable(value) or (isinstance(value, kinds) and not isinstance(value, bool))
        if not is_right:
            raise FieldProblem(f"expected {what}, got {value!r}")
        return value

    return check


def _names(value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise FieldProblem(f"expected a name or a list of names, got {value!r}")
    return tuple(names)


def _columns(value: Any) -> Any:
    if isinstance(value, list) and not all(isinstance(name, str) for name in value):
        raise FieldProblem(f"expected a list of columns, got {value!r}")
    return _one_of(str, list, what="!function module.name, a column or a list of columns")(value)


def _count(least: int) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise FieldProblem(f"expected a whole number of at least {least}, got {value!r}")
        return value

    return check


def read_metadata(value: Any) -> dict[str, Any]:
    """One mapping; a list of mappings, as older files have it, is read as their union."""
    entries = value if isinstance(value, list) else [value]
    merged: dict[str, Any] = {}
    for entry in entries:
        merged |= _mapping(entry)
    return merged


def _mappings(key: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not isinstance(value, list) or not all(isinstance(entry, dict) and key in entry for entry in value):
            raise FieldProblem(f"expected a list of mappings with a '{key}' each, got {value!r}")
        return value

    return check


def _filters(value: Any) -> Any:
    for entry in _mappings("filter")(value):
        if not isinstance(entry.get("name"), str):
            raise FieldProblem(f"the entry {entry!r} has no name")
        unknown = sorted(set(entry) - {"name", "filter", "metadata"})
        if unknown:
            raise FieldProblem(f"unknown key '{unknown[0]}' in the entry '{entry['name']}'")
        _mappings("function")(entry["filter"])
    return value


def _fewshot(value: Any) -> Any:
    for key in _mapping(value):
        if key not in FEWSHOT_FIELDS:
            close = nearest(str(key), FEWSHOT_FIELDS)
            raise FieldProblem(f"unknown key '{key}'" + (f": did you mean '{close}'?" if close else ""))
    if value.get("sampler", "default") not in ("default", "first_n"):
        raise FieldProblem(f"the sampler '{value['sampler']}' is not supported: use 'default' or 'first_n'")
    return value


def _tags(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    is_pairs = isinstance(value, list | tuple) and all(
        isinstance(pair, list | tuple) and len(pair) == 2 for pair in value
    )
    if not is_pairs:
        raise FieldProblem(f"expected a list of pairs of tags, got {value!r}")
    return value


#: For each field the function that returns its value in normal form, or raises `FieldProblem`.
FIELD_CHECKS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("task_alias", "group_alias", "dataset_path", "use_prompt", "gen_prefix"), _text),
    **dict.fromkeys(("training_split", "validation_split", "test_split", "fewshot_split", "cluster_key"), _text),
    **dict.fromkeys(("description", "target_delimiter", "fewshot_delimiter", "output_type", "score_key"), _text),
    "dataset_name": _name,
    **dict.fromkeys(("tag", "group"), _names),
    **dict.fromkeys(("full_docs", "process_results_use_image", "should_decontaminate"), _flag),
    **dict.fromkeys(("auto_strip_thinking", "unsafe_code"), _flag),
    **dict.fromkeys(("custom_dataset", "process_docs", "process_results", "doc_to_messages"), _function),
    **dict.fromkeys(("doc_to_visual", "doc_to_image", "doc_to_audio"), _columns),
    "doc_to_text": _one_of(str, int, what="!function module.name, a column, a template or a number"),
    "doc_to_target": _one_of(str, int, list, what="!function module.name, a column, a template, a number or a list"),
    "doc_to_choice": _one_of(str, list, dict, what="!function module.name, a column, a template, a list or a mapping"),
    "fewshot_config": _fewshot,
    "num_fewshot": _count(0),
    "repeats": _count(1),
    "metric_list": _mappings("metric"),
    "filter_list": _filters,
    "metadata": read_metadata,
    **dict.fromkeys(("dataset_kwargs", "generation_kwargs", "lmms_eval_specific_kwargs"), _mapping),
    **dict.fromkeys(("model_specific_generation_kwargs", "model_specific_target_kwargs", "compat"), _mapping),
    "reasoning_tags": _tags,
}

#: Output types of tasks that load and are listed, but are not run, and why.
LISTED_TYPES = {
    "generate_until_agentic": "the program that acts between the model's answers is not part of this version",
    "generate_visual_cot": "models that draw pictures as they reason are not supported by this version",
}
_REFUSED_OPTIONS = {
    "From_YouTube": "videos are not fetched from YouTube: put them where the task looks for them",
    "builder_script": "data sets are read as data, never as code",
}


def check_unsupported(config: TaskConfig, *, unsafe_code: bool = False) -> Iterator[tuple[str, str]]:
    """Yields field and reason for each setting that this version cannot honour."""
    if config.output_type in LISTED_TYPES:
        yield "output_type", f"'{config.output_type}' cannot be run: {LISTED_TYPES[config.output_type]}"
    if config.doc_to_audio is not None and config.visual is not config.doc_to_audio:
        yield "doc_to_audio", "beside doc_to_visual or doc_to_image it is not supported: one of them may give all media"
    if config.use_prompt is not None:
        yield "use_prompt", "promptsource's prompts are not supported: write the prompt as doc_to_text"
    if config.unsafe_code and not unsafe_code:
        yield (
            "unsafe_code",
            "scoring runs code that the model wrote: confirm it with --confirm_run_unsafe_code",
        )
    if config.gen_prefix is not None and config.doc_to_messages is not None:
        yield "gen_prefix", "the messages of doc_to_messages end where the task ends them"
    for option, reason in _REFUSED_OPTIONS.items():
        if config.dataset_kwargs.get(option):
            yield "dataset_kwargs", f"'{option}' is not supported: {reason}"
    if config.dataset_kwargs.get("video") and not config.dataset_kwargs.get("cache_dir"):
        yield "dataset_kwargs", "'video' needs a 'cache_dir': the folder below HF_HOME where the videos are unpacked"
    yield from _unsupported_metrics(config)


def _unsupported_metrics(config: TaskConfig) -> Iterator[tuple[str, str]]:
    for entry in config.metric_list:
        if entry.get("hf_evaluate"):
            yield (
                "metric_list",
                "metrics of the package 'evaluate' are not supported: they are fetched from the network",
            )


def check_together(config: TaskConfig) -> Iterator[tuple[str, str]]:
    """Yields field and reason where fields do not go together."""
    if not config.split:
        yield (
            "test_split",
            "name the split to evaluate: 'test_split', or 'validation_split' where there is no test split",
        )
    if config.dataset_path is None and config.custom_dataset is None:
        yield "dataset_path", "name the data set: 'dataset_path', or 'custom_dataset: !function module.name'"
    if config.output_type == "multiple_choice" and config.doc_to_choice is None:
        yield "doc_to_choice", "a multiple_choice task needs choices"
    needs_text = config.output_type in ("generate_until", "multiple_choice", "loglikelihood")
    if needs_text and config.doc_to_text is None and config.doc_to_messages is None:
        yield "doc_to_text", "say what the model is asked: 'doc_to_text' or 'doc_to_messages'"
    is_rubric = config.judge is not None and config.judge["kind"] == "rubric"
    needs_target = (config.process_results is None and not is_rubric) or config.output_type.startswith("loglikelihood")
    if needs_target and config.doc_to_target is None:
        yield "doc_to_target", "say what the right answer is: 'doc_to_target', or score with 'process_results'"
    if config.judge is not None and not config.output_type.startswith("generate_until"):
        yield "judge", f"a judge reads texts, and a {config.output_type} task has none"
    for entry in config.metric_list:
        metric = entry["metric"]
        if not isinstance(metric, str) and not callable(metric):
            yield "metric_list", f"expected a metric's name or !function module.name, got {metric!r}"
        if not isinstance(entry.get("higher_is_better"), bool | None):
            yield "metric_list", f"higher_is_better must be true or false, got {entry['higher_is_better']!r}"
