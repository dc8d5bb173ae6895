"""`ClassTask`: the base class of tasks that are Python classes, as lm-eval and lmms-eval have it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from fasteval.api.prompt import Prompt
from fasteval.api.request import Kind
from fasteval.api.task import DocumentRequest
from fasteval.errors import DocumentError
from fasteval.tasks.config import TaskConfig
from fasteval.tasks.configurable import ConfigurableTask
from fasteval.tasks.fields import DocumentFields
from fasteval.tasks.functions import TaskFunction
from fasteval.tasks.scoring import Scorer
from fasteval.tasks.sources import DocumentSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fasteval.api.task import PlainRequests, PromptOptions
    from fasteval.tasks.loading import TaskFile

__all__ = ["ClassTask"]

# Methods that say what a field of the same name says.
_FIELDS = ("doc_to_text", "doc_to_target", "doc_to_choice", "doc_to_messages", "process_results")
_MEDIA = ("doc_to_visual", "doc_to_image")
# For each kind of documents its field and, where the file leaves that open, its name.
_SPLITS = {"training": "train", "validation": "validation", "test": "test"}
_KINDS = {kind.request_type: kind for kind in (Kind.GENERATE_UNTIL, Kind.LOGLIKELIHOOD, Kind.LOGLIKELIHOOD_ROLLING)}


class _Making(NamedTuple):
    """What a class's own `__init__` does not pass on: its file, its code's digest, and what the manager adds."""

    file: TaskFile
    digest: bytes
    options: dict[str, Any]


_making: ContextVar[_Making] = ContextVar("_making")


class ClassTask(ConfigurableTask):
    """What task code finds as `ConfigurableTask` and `Task` in `lm_eval.api.task` and `lmms_eval.api.task`.

    A class derived from it may say in methods what a file says in fields: `has_test_docs()` and `test_docs()` (so, too,
    `training` and `validation`), `download()`, which sets `dataset`, the `doc_to_…` functions, `process_results`,
    `aggregation` and `higher_is_better`. `construct_requests(doc, ctx, …)` gives the requests of a document.
    """

    DATASET_PATH: str | None = None
    DATASET_NAME: str | None = None

    @classmethod
    def of_file(cls, file: TaskFile, digest: bytes, options: dict[str, Any]) -> ClassTask:
        """Returns the task of a file that names this class.

        Args:
            file: its fields but for `class`.
            digest: of the class's code.
            options: further arguments of `ConfigurableTask`.
        """
        token = _making.set(_Making(file, digest, options))
        try:
            parameters = inspect.signature(cls).parameters.values()
            takes_config = any(entry.name == "config" or entry.kind is entry.VAR_KEYWORD for entry in parameters)
            return cls(config=dict(file.run_functions().fields)) if takes_config else cls()
        finally:
            _making.reset(token)

    def __init__(self, *_: Any, config: Mapping[str, Any] | None = None, **__: Any) -> None:
        """Takes the fields of `config`, and for those that it lacks the class's methods and attributes.

        Raises:
            TaskFileError: as for a task file.
        """
        file, self._digest, options = _making.get()
        given = {name: value for name, value in (config or {}).items() if name != "class" and value is not None}
        given["task"] = file.fields.get("task")
        self._dataset: Any = None
        self._is_downloading = self._is_processed = False
        self._changed_kwargs: dict[str, Any] = {}
        self._file_fields = given
        self.DATASET_PATH = given.get("dataset_path", self.DATASET_PATH)
        self.DATASET_NAME = given.get("dataset_name", self.DATASET_NAME)
        fields = given | {"dataset_path": self.DATASET_PATH, "dataset_name": self.DATASET_NAME}
        output_type = getattr(type(self), "OUTPUT_TYPE", None)
        fields = {"output_type": output_type} | fields | self._of_methods() | self._of_data(given)
        super().__init__(TaskConfig.from_file(replace(file, fields=fields)), **options)

    @classmethod
    def _has_own(cls, name: str) -> bool:
        """Whether a class derived from this one has a method of its own."""
        return getattr(cls, name, None) is not getattr(ClassTask, name, None)

    def _function(self, name: str, function: Callable[..., Any] | None = None) -> TaskFunction:
        target = function or getattr(self, name)
        return TaskFunction(f"{type(self).__name__}.{name}", self._digest, lambda: target)

    def _of_methods(self) -> dict[str, Any]:
        """Returns the fields that methods stand for."""
        fields: dict[str, Any] = {name: self._function(name) for name in _FIELDS if self._has_own(name)}
        visual = next((name for name in _MEDIA if self._has_own(name)), None)
        if visual is not None:
            fields["doc_to_visual"] = self._function(visual)
        if self._has_own("aggregation"):
            fields["metric_list"] = [{"metric": "bypass"}]  # the class is asked for its metrics, never the field
        return fields

    def _of_data(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the fields of the data set, where methods say where the documents are."""
        named = {f"{kind}_split": given.get(f"{kind}_split") for kind in _SPLITS}
        loaders: dict[str, Callable[[], Any]] = {}
        for kind, usual in _SPLITS.items():
            field = f"{kind}_split"
            if self._has_own(f"has_{kind}_docs") and getattr(self, f"has_{kind}_docs")():
                named[field] = named[field] or usual
                loaders[str(named[field])] = getattr(self, f"{kind}_docs")
        if not loaders and not self._has_own("download"):
            return {}
        self._is_processed = bool(loaders)  # such methods give the documents as they are to be used
        for split in map(str, filter(None, [*named.values(), given.get("fewshot_split")])):
            loaders.setdefault(split, partial(self._of_dataset, split))
        data = named | {"custom_dataset": self._function("download", lambda: _Splits(loaders))}
        if "process_docs" in given:
            data["process_docs"] = self._function("process_docs", partial(self._processed_once, given["process_docs"]))
        return data

    def _of_dataset(self, split: str) -> Any:
        return self.dataset[split]

    def _processed_once(self, process: Callable[..., Any], data: Any) -> Any:
        """Returns the documents after `process_docs`, which some classes apply in `download`."""
        if self._is_processed and not self._is_downloading:
            return data
        self._is_processed = self._is_processed or self._is_downloading
        return process(data)

    @property
    def dataset(self) -> Any:
        """The data set by split, as `download` sets it when it is first asked for."""
        if self._dataset is None:
            self._is_downloading = True
            try:
                # Some classes look at their documents to say which there are, before there are settings.
                given = (
                    self.config.dataset_kwargs if hasattr(self, "config") else self._file_fields.get("dataset_kwargs")
                )
                self.download(dict(given or {}))
            finally:
                self._is_downloading = False
        return self._dataset

    @dataset.setter
    def dataset(self, value: Any) -> None:
        self._dataset = value

    def download(self, dataset_kwargs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - they are the task's own
        """Sets `dataset` to the published data set, each split of which is read when it is asked for."""
        config = self.config.with_fields({"custom_dataset": None, "process_docs": None})
        source = DocumentSource(config, folder=self._folder, replacements=self._datasets)
        self.dataset = _Splits(source.load)

    def set_config(self, key: str, value: Any, *, update: bool = False) -> None:
        """Replaces one setting; options of generation hold for the requests that the class makes, too."""
        super().set_config(key, value, update=update)
        if key == "generation_kwargs":
            self._changed_kwargs = dict(value)

    # What methods of derived classes call by `super()`: what the file's fields say.

    def _file_values(self) -> DocumentFields:
        text, target, choice = (self._file_fields.get(f"doc_to_{name}") for name in ("text", "target", "choice"))
        return DocumentFields(text, target, choice, self._profile.options, self._profile.fields.target_options)

    def doc_to_text(self, doc: dict[str, Any]) -> Any:
        """Returns what the file's `doc_to_text` says."""
        return self._file_values().doc_to_text(doc)

    def doc_to_target(self, doc: dict[str, Any]) -> Any:
        """Returns what the file's `doc_to_target` says."""
        return self._file_values().doc_to_target(doc)

    def doc_to_choice(self, doc: dict[str, Any]) -> list[str]:
        """Returns what the file's `doc_to_choice` says."""
        return self._file_values().doc_to_choice(doc)

    def process_results(self, doc: dict[str, Any], results: list[Any]) -> dict[str, Any]:
        """Returns the values of the file's metrics."""
        own = {"process_results": self._file_fields.get("process_results")}
        scorer = Scorer(self.config.with_fields(own | {"metric_list": self._file_fields.get("metric_list", [])}))
        return scorer.score(self._profile.fields, doc, results, self.docs if self.config.full_docs else ())

    def document_requests(self, doc_id: int, doc: dict[str, Any], options: PromptOptions) -> list[DocumentRequest]:
        """Returns the requests of one document: those of `construct_requests` where the class has its own.

        Raises:
            DocumentError: the class makes a request that this version does not know.
        """
        if not self._has_own("construct_requests"):
            return super().document_requests(doc_id, doc, options)
        self.check_options(options)
        prompt = self._profile.builder.prompt(doc_id, doc, options)
        parameters = inspect.signature(self.construct_requests).parameters
        make: Any = partial(self.construct_requests, ctx=prompt.plain_text())
        if "doc" in parameters:  # lm-eval's
            metadata = (self.name, doc_id, self.repeats)
            made = make(doc=doc, metadata=metadata, apply_chat_template=prompt.is_chat, chat_template=None)
        else:
            made = make(doc_id=doc_id, metadata={"task": self.name, "doc_id": doc_id, "repeats": self.repeats})
        instances = made if isinstance(made, list) else [made]
        return [self._request(slot, instance, prompt) for slot, instance in enumerate(instances)]

    def plain_requests(self, doc_ids: Sequence[int], options: PromptOptions) -> PlainRequests | None:
        """Returns None where the class makes its requests itself: those are made one by one."""
        return None if self._has_own("construct_requests") else super().plain_requests(doc_ids, options)

    def _request(self, slot: int, instance: Any, prompt: Prompt) -> DocumentRequest:
        kind, (context, *more) = _KINDS.get(instance.request_type), instance.args
        if kind is None:
            raise DocumentError(f"construct_requests: '{instance.request_type}' is not supported in a class")
        if context != prompt.plain_text():
            if prompt.is_chat and kind is not Kind.LOGLIKELIHOOD_ROLLING:
                raise DocumentError("construct_requests changes the context, which here is chat messages")
            prompt = Prompt(text=context)
        if kind is Kind.GENERATE_UNTIL:
            return DocumentRequest(kind, slot, prompt, generation_kwargs=dict(more[0]) | self._changed_kwargs)
        return DocumentRequest(kind, slot, prompt, *more[:1])

    def config_for_results(self) -> dict[str, Any]:
        """Returns the settings, with the class's own metrics."""
        settings = super().config_for_results()
        if not self._has_own("aggregation"):
            return settings
        metrics = [{"metric": name, "higher_is_better": higher} for name, higher in self.higher_is_better().items()]
        return settings | {"metric_list": metrics}


class _Splits(Mapping[str, Any]):
    """Splits that are loaded when they are asked for; where only a function is known, any name may be one."""

    def __init__(self, load: Mapping[str, Callable[[], Any]] | Callable[[str], Any]) -> None:
        self._load = load

    def __getitem__(self, split: str) -> Any:
        return self._load[split]() if isinstance(self._load, Mapping) else self._load(split)

    def __contains__(self, split: object) -> bool:
        return not isinstance(self._load, Mapping) or split in self._load

    def __iter__(self) -> Iterator[str]:
        return iter(self._load if isinstance(self._load, Mapping) else ())

    def __len__(self) -> int:
        return len(self._load) if isinstance(self._load, Mapping) else 0
