"""`TaskConfig`: the fields of a task file, checked when it is loaded rather than when they are used."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import xxhash

from fasteval.errors import FastEvalError, TaskFileError, UnknownNameError, UnsupportedOptionError, nearest
from fasteval.metrics import DEFAULT_METRICS
from fasteval.models.sampling import SamplingParameters
from fasteval.tasks.checks import FIELD_CHECKS, LISTED_TYPES, FieldProblem, check_together, check_unsupported
from fasteval.tasks.functions import TaskFunction
from fasteval.tasks.judged import read_judge
from fasteval.tasks.loading import TaskFile
from fasteval.tasks.templates import check_template

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

__all__ = ["TaskConfig", "is_column_name", "missing_column"]

_log = logging.getLogger(__name__)

_MEDIA_FIELDS = ("doc_to_visual", "doc_to_image", "doc_to_audio")
_COLUMN_FIELDS = ("doc_to_text", "doc_to_target", "doc_to_choice", *_MEDIA_FIELDS)
_TEMPLATES = ("doc_to_text", "doc_to_target", "doc_to_choice", "description")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskConfig:
    """Everything that a task file says. The fields are those of lmms-eval and lm-eval.

    Attributes:
        task: the name under which results are reported.
        task_alias: the name in tables.
        tag: names that stand for this task and others; a text becomes a tuple of one.
        group: an old name for `tag`; always empty after loading.
        group_alias: kept for results files; has no effect on a task.
        dataset_path: name of the data set, or a builder of `datasets` (csv, json, parquet, text, arrow).
        dataset_name: the data set's configuration.
        dataset_kwargs: further arguments of `datasets.load_dataset`.
        custom_dataset: function that returns the data set as `{split: documents}`.
        training_split: a source of few-shot examples.
        validation_split: evaluated where there is no `test_split`.
        test_split: what is evaluated.
        fewshot_split: where few-shot examples come from.
        full_docs: hand all documents to `process_results`, as `full_docs`.
        process_results_use_image: has no effect: scoring always sees the images, and decodes those that it uses.
        process_docs: function from a split's documents to the documents that are used.
        doc_to_visual: the document's media: a function, a column or a list of columns.
        doc_to_image: lm-eval's name for `doc_to_visual`.
        doc_to_audio: lm-eval's name for `doc_to_visual` where the media are sounds.
        doc_to_text: the question: a function, a column, a template or a number of a choice.
        doc_to_target: the right answer: a function, a column, a template, a list, or a choice's number.
        doc_to_choice: the choices: a list, a mapping, a column, a template of a list, or a function.
        doc_to_messages: function that returns the chat messages.
        process_results: function from a document and its answers to the metrics' values.
        use_prompt: lm-eval's; not supported.
        description: template of the text at the prompt's beginning.
        target_delimiter: between a question and its answer.
        fewshot_delimiter: between examples.
        fewshot_config: sampler, samples, split and `doc_to_*` of the few-shot examples.
        num_fewshot: examples before the question.
        gen_prefix: template of the answer's beginning, part of the prompt.
        metric_list: metrics; `{metric, aggregation, higher_is_better, option: value, …}`.
        output_type: what is asked of the model.
        generation_kwargs: options of generation; `until` is `[fewshot_delimiter]` where it is not given.
        repeats: answers a document.
        filter_list: filters; `{name, filter: [{function, option: value, …}]}`.
        judge: how a judge model is asked about each answer (`JudgeRule`); a text is the rule's kind.
        should_decontaminate: has no effect, as in lmms-eval and lm-eval today.
        doc_to_decontamination_query: has no effect.
        cluster_key: column that says which documents belong together, for standard errors.
        score_key: where a metric's value is a mapping, the key of the number in it.
        metadata: a mapping, or a list of mappings; `version` is in there.
        lmms_eval_specific_kwargs: options of prompt functions, by prompt profile.
        model_specific_generation_kwargs: options of generation, by prompt profile.
        model_specific_target_kwargs: options of `doc_to_target`, by prompt profile.
        reasoning_tags: pairs of tags around reasoning that is removed before scoring.
        auto_strip_thinking: remove reasoning even where the run does not ask for it.
        unsafe_code: lm-eval's mark of tasks whose scoring runs a model's code; refused unless confirmed.
        compat: the harness whose faults are in the scoring, and their names (`fasteval.tasks.peerfaults`).
        source: the file and the fields' lines, for messages.
    """

    task: str
    task_alias: str | None = None
    tag: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    group_alias: str | None = None
    dataset_path: str | None = None
    dataset_name: str | None = None
    dataset_kwargs: dict[str, Any] = field(default_factory=dict)
    custom_dataset: Callable[..., Any] | None = None
    training_split: str | None = None
    validation_split: str | None = None
    test_split: str | None = None
    fewshot_split: str | None = None
    full_docs: bool = False
    process_results_use_image: bool = False
    process_docs: Callable[..., Any] | None = None
    doc_to_visual: Callable[..., Any] | str | list[str] | None = None
    doc_to_image: Callable[..., Any] | str | list[str] | None = None
    doc_to_audio: Callable[..., Any] | str | list[str] | None = None
    doc_to_text: Callable[..., Any] | str | int | None = None
    doc_to_target: Callable[..., Any] | str | int | list[Any] | None = None
    doc_to_choice: Callable[..., Any] | str | list[Any] | dict[Any, Any] | None = None
    doc_to_messages: Callable[..., Any] | None = None
    process_results: Callable[..., Any] | None = None
    use_prompt: str | None = None
    description: str = ""
    target_delimiter: str = " "
    fewshot_delimiter: str = "\n\n"
    fewshot_config: dict[str, Any] = field(default_factory=dict)
    num_fewshot: int | None = None
    gen_prefix: str | None = None
    metric_list: list[dict[str, Any]] = field(default_factory=list)
    output_type: str = "generate_until"
    generation_kwargs: dict[str, Any] = field(default_factory=dict)
    repeats: int = 1
    filter_list: list[dict[str, Any]] = field(default_factory=list)
    judge: dict[str, Any] | None = None
    should_decontaminate: bool = False
    doc_to_decontamination_query: Any = None
    cluster_key: str | None = None
    score_key: str = "score"
    metadata: dict[str, Any] = field(default_factory=dict)
    lmms_eval_specific_kwargs: dict[str, Any] = field(default_factory=dict)
    model_specific_generation_kwargs: dict[str, Any] = field(default_factory=dict)
    model_specific_target_kwargs: dict[str, Any] = field(default_factory=dict)
    reasoning_tags: list[list[str]] | str | None = None
    auto_strip_thinking: bool = False
    unsafe_code: bool = False
    compat: dict[str, list[str]] = field(default_factory=dict)
    source: TaskFile = field(default=TaskFile("task settings"), repr=False, compare=False)

    def __post_init__(self) -> None:
        """Fills in what depends on other fields, and checks all of them.

        Raises:
            TaskFileError: a field has a value that it cannot have.
        """
        if not isinstance(self.task, str) or not self.task:
            raise self.source.error("task", f"expected a name, got {self.task!r}")
        for name, check in (*FIELD_CHECKS.items(), ("judge", read_judge)):
            try:
                self._set(name, check(getattr(self, name)))
            except FieldProblem as problem:
                raise self.error(name, str(problem)) from None
        self._settle_names()
        self._settle_generation()
        self._settle_metrics()
        self._check_together()

    @classmethod
    def from_file(cls, file: TaskFile) -> Self:
        """Returns the settings that a loaded file holds; runs the code that it names.

        Raises:
            TaskFileError: an unknown field, or anything that `__post_init__` refuses.
        """
        known = {entry.name for entry in fields(cls)} - {"source"}
        for name in file.fields:
            if name not in known:
                close = nearest(name, known)
                raise file.error(name, "unknown field" + (f": did you mean '{close}'?" if close else ""))
        if not file.fields.get("task"):
            raise file.error("task", "the task has no name")
        # A field that is given as nothing is a field that is not given.
        given = {name: value for name, value in file.run_functions().fields.items() if value is not None}
        return cls(**given, source=file)

    def with_fields(self, changes: Mapping[str, Any]) -> Self:
        """Returns the same settings with some fields replaced, checked again.

        Raises:
            TaskFileError: as for a file.
        """
        for name in changes:
            if name not in {entry.name for entry in fields(self)}:
                raise self.error(name, "unknown field")
        return replace(self, **changes)

    def error(self, name: str | None, message: str) -> TaskFileError:
        """Returns the error that says `message` of the field `name`, at its place in the file."""
        return self.source.error(name, message)

    @property
    def version(self) -> int | str:
        """The task's version; 0 where the file gives none."""
        version: int | str = self.metadata.get("version", 0)
        return version

    @property
    def split(self) -> str:
        """The split that is evaluated."""
        return self.test_split or self.validation_split or ""

    @property
    def visual(self) -> Callable[..., Any] | str | list[str] | None:
        """Where the document's media come from, under whichever name the file gives it."""
        named = (self.doc_to_visual, self.doc_to_image, self.doc_to_audio)
        return next((source for source in named if source is not None), None)

    @property
    def declares_visuals(self) -> bool:
        """Whether the task's documents may have media."""
        return self.visual is not None or self.doc_to_messages is not None

    def check_supported(self, generation_kwargs: Mapping[str, Any], *, unsafe_code: bool = False) -> None:
        """Checks that the task can be run. One that cannot still loads, is listed and shown: folders are full of them.

        Args:
            generation_kwargs: the options of generation under the prompt profile that is used.
            unsafe_code: whether somebody has confirmed that scoring may run code that the model wrote.

        Raises:
            TaskFileError: a field asks for what this version does not do.
        """
        for name, message in check_unsupported(self, unsafe_code=unsafe_code):
            raise self.error(name, message)
        for function in (function for found in self.functions().values() for function in found):
            _ = function.target  # of a module that fetches files from the Hub: now is the time
        self._check_sampling("generation_kwargs", generation_kwargs)

    def functions(self) -> dict[str, list[TaskFunction]]:
        """Returns the functions of the task's folder, by the field that names them."""
        found = {entry.name: list(_functions(getattr(self, entry.name))) for entry in fields(self)}
        return {name: functions for name, functions in found.items() if functions}

    def code_digest(self) -> str:
        """Returns a digest of the code of all functions, which changes when one of them could do something else."""
        hasher = xxhash.xxh3_128()
        for name, functions in sorted(self.functions().items()):
            for function in functions:
                hasher.update(f"{name} {function.name} ".encode() + function.digest)
        return hasher.hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as plain JSON values, functions by their names."""
        return {
            entry.name: _plain(value)
            for entry in fields(self)
            if entry.name != "source" and (value := getattr(self, entry.name)) not in (None, {}, [], ())
        }

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _settle_names(self) -> None:
        if self.group:
            if self.tag:
                raise self.error("group", "a task has either 'tag' or 'group' (its old name), not both")
            self._set("tag", self.group)
        self._set("group", ())
        if self.should_decontaminate:
            _log.info("%s: should_decontaminate has no effect", self.task)

    def _settle_generation(self) -> None:
        given = dict(self.generation_kwargs) or {"do_sample": False}
        if isinstance(given.get("until"), str):
            given["until"] = [given["until"]]
        given.setdefault("until", [self.fewshot_delimiter])
        self._set("generation_kwargs", given)
        if self.output_type in LISTED_TYPES:
            return  # their options are those of particular programs
        # What no engine here can do is refused when the task is to run; it does not make the file wrong.
        self._check_sampling("generation_kwargs", given, allow=UnsupportedOptionError)
        for profile, changes in self.model_specific_generation_kwargs.items():
            if not isinstance(changes, dict):
                raise self.error("model_specific_generation_kwargs", f"expected a mapping under '{profile}'")
            # One profile's model may know options that no other does: they are looked at when the profile is used.
            self._check_sampling(
                "model_specific_generation_kwargs", given | changes, allow=UnknownNameError | UnsupportedOptionError
            )

    def _check_sampling(self, name: str, kwargs: Mapping[str, Any], *, allow: Any = ()) -> None:
        try:
            SamplingParameters.from_generation_kwargs(kwargs)
        except FastEvalError as error:
            if isinstance(error, allow):
                return
            raise self.error(name, str(error)) from error

    def _settle_metrics(self) -> None:
        if self.output_type in LISTED_TYPES:
            return
        if self.output_type not in DEFAULT_METRICS:
            close = nearest(self.output_type, DEFAULT_METRICS)
            hint = f"did you mean '{close}'?" if close else f"supported are {', '.join(DEFAULT_METRICS)}"
            raise self.error("output_type", f"'{self.output_type}' is not supported: {hint}")
        if not self.metric_list:
            names = DEFAULT_METRICS[self.output_type] if self.judge is None else ("judge",)
            self._set("metric_list", [{"metric": name} for name in names])

    def _check_together(self) -> None:
        for name, message in check_together(self):
            raise self.error(name, message)
        for name in _TEMPLATES:
            value = getattr(self, name)
            problem = check_template(value) if isinstance(value, str) else None
            if problem:
                raise self.error(name, problem)


def is_column_name(text: str) -> bool:
    """Whether a `doc_to_*` text names a column, rather than being a template: it is a bare word."""
    return text.isidentifier()


def missing_column(config: TaskConfig, columns: Sequence[str]) -> str | None:
    """Returns what is wrong if the task names a column that is not among `columns`; None if it does not."""
    for name in (*_COLUMN_FIELDS, "cluster_key"):
        value = getattr(config, name)
        for column in value if isinstance(value, list) and name in _MEDIA_FIELDS else [value]:
            if isinstance(column, str) and is_column_name(column) and column not in columns:
                return (
                    f"{name} names the column '{column}', which the data set does not have; "
                    f"its columns are {', '.join(columns)}"
                )
    return None


def _functions(value: Any) -> list[TaskFunction]:
    if isinstance(value, TaskFunction):
        return [value]
    if isinstance(value, dict):
        return [function for entry in value.values() for function in _functions(entry)]
    if isinstance(value, list | tuple):
        return [function for entry in value for function in _functions(entry)]
    return []


def _plain(value: Any) -> Any:
    if isinstance(value, TaskFunction):
        return f"<{value.name}>"
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if callable(value):
        return f"<{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__name__)}>"
    return str(value)
