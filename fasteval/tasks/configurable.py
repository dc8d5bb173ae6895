"""`ConfigurableTask`: a task file as the engine and the classic API see it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import xxhash

from fasteval.api.task import DocumentRequest, MediaIdentity, PlainRequests, PromptOptions, Round, Task
from fasteval.cache import default_folder
from fasteval.errors import DatasetError
from fasteval.requests import RequestTable, compile_requests, shard
from fasteval.tasks.classic import make_instance
from fasteval.tasks.config import TaskConfig, missing_column
from fasteval.tasks.fewshot import FewshotExamples
from fasteval.tasks.filtering import build_filters
from fasteval.tasks.instances import Instances
from fasteval.tasks.messages import chat_messages
from fasteval.tasks.metrics import check_computable
from fasteval.tasks.profiles import PromptProfile
from fasteval.tasks.requestcache import RequestCache, may_be_kept, table_parts
from fasteval.tasks.rounds import first_messages, next_round
from fasteval.tasks.scoring import Scorer
from fasteval.tasks.sources import DocumentSource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from fasteval.api.instance import Instance
    from fasteval.filters import FilterPipeline
    from fasteval.tasks.datasets import Documents

__all__ = ["ConfigurableTask"]


class ConfigurableTask(Task):
    """A benchmark that a YAML file describes.

    Attributes:
        config: the file's settings.
        cache_folder: where compiled requests are kept.
        table: the requests that `compile` or `build_all_requests` made last.
        instances: the same requests as the classic API shows them.
        repeats: answers a document.
        score_key: where a metric's value is a mapping, the key of the number in it.
        cluster_key: column that says which documents belong together.
        reasoning_tags: the task's own pairs of tags around reasoning.
        auto_strip_thinking: whether reasoning is removed even where the run does not ask for it.
        runs_unsafe_code: whether somebody has confirmed that scoring may run code that the model wrote.
    """

    def __init__(
        self,
        config: TaskConfig,
        *,
        datasets: Mapping[str, str] | None = None,
        prompt_profile: str = "default",
        folder: Path | None = None,
        cache_folder: Path | None = None,
    ) -> None:
        """Sets the task up; loads no data.

        Args:
            config: the settings.
            datasets: local copies of data sets, by name of the data set or of the task.
            prompt_profile: which entry of `lmms_eval_specific_kwargs` and the like is used.
            folder: what relative paths are relative to: the folder of the task file.
            cache_folder: where compiled requests are kept; the user's cache folder by default.

        Raises:
            TaskFileError: an unknown metric, aggregation or filter.
        """
        self.cache_folder = cache_folder or default_folder()
        self.table = RequestTable.empty()
        self._folder, self._datasets = folder, dict(datasets or {})
        self.runs_unsafe_code = False
        self._configure(config, prompt_profile)

    def _configure(self, config: TaskConfig, prompt_profile: str) -> None:
        self.config = config
        self.OUTPUT_TYPE, self.VERSION = config.output_type, config.version
        self.repeats, self.score_key, self.cluster_key = config.repeats, config.score_key, config.cluster_key
        self.reasoning_tags, self.auto_strip_thinking = config.reasoning_tags, config.auto_strip_thinking
        self._scorer = Scorer(config)
        self._source = DocumentSource(config, folder=self._folder, replacements=self._datasets)
        self._examples = FewshotExamples(config, self._source)
        self._docs: Documents | None = None
        self._checked: PromptOptions | None = None
        self.instances = Instances(self, self.table)
        self.filters()  # a wrong one is an error now, not when all answers are there
        self._use_profile(prompt_profile)

    def _use_profile(self, name: str) -> None:
        """Puts a prompt profile in place."""
        self._profile = PromptProfile.of(name, self.config, self._examples, self._folder)

    @property
    def prompt_profile(self) -> str:
        """Which entry of `lmms_eval_specific_kwargs` and the like is used; `default` where it is absent."""
        return self._profile.name

    @property
    def prompt_options(self) -> dict[str, Any] | None:
        """The prompt profile's entry of `lmms_eval_specific_kwargs`; None where there is none."""
        return self._profile.options

    @property
    def generation_kwargs(self) -> dict[str, Any]:
        """The options of generation, with the prompt profile's changes."""
        return self._profile.generation_kwargs

    @property
    def alias(self) -> str:
        """The name in tables."""
        return self.config.task_alias or self.config.task

    @property
    def num_fewshot(self) -> int:
        """The task's own number of examples."""
        return self.config.num_fewshot or 0

    @property
    def name(self) -> str:
        """The task's name."""
        return self.config.task

    @property
    def split(self) -> str:
        """The split that is evaluated."""
        return self.config.split

    @property
    def docs(self) -> Documents:
        """The evaluated documents.

        Raises:
            DatasetError: they cannot be loaded, there are none, or a column that the task names is not there.
        """
        if self._docs is None:
            self._check_supported()
            docs = self._source.split(self.split)
            if len(docs) == 0:
                raise DatasetError(f"task '{self.name}': the split '{self.split}' has no documents")
            problem = missing_column(self.config, docs.column_names)
            if problem:
                raise DatasetError(f"task '{self.name}': {problem}")
            self._docs = docs
        return self._docs

    def _check_supported(self) -> None:
        self.config.check_supported(self.generation_kwargs, unsafe_code=self.runs_unsafe_code)
        check_computable(self.config)

    @property
    def fingerprint(self) -> str:
        """A digest of settings, code, data and prompt profile."""
        settings = orjson.dumps(self.config.to_dict(), option=orjson.OPT_SORT_KEYS)
        parts = [self.config.code_digest(), self.docs.fingerprint, self.prompt_profile]
        if self.config.num_fewshot:
            parts.append(self._examples.documents.fingerprint)
        return xxhash.xxh3_128_hexdigest(settings + orjson.dumps(parts))

    def set_config(self, key: str, value: Any, *, update: bool = False) -> None:
        """Replaces one setting, or updates it with the entries of a mapping; what was loaded is loaded again.

        Raises:
            TaskFileError: there is no such setting, or it cannot have this value.
        """
        if update:
            value = {**getattr(self.config, key, {}), **value}
        self._configure(self.config.with_fields({key: value}), self.prompt_profile)

    # Documents, in the names of the classic API.

    def doc_to_text(self, doc: dict[str, Any]) -> Any:
        """Returns the question (for choices that are questions: the number of the right one)."""
        return self._profile.fields.doc_to_text(doc)

    def doc_to_target(self, doc: dict[str, Any]) -> Any:
        """Returns the right answer, as the metrics want it."""
        return self._profile.fields.doc_to_target(doc)

    def doc_to_choice(self, doc: dict[str, Any]) -> list[str]:
        """Returns the choices."""
        return self._profile.fields.doc_to_choice(doc)

    def doc_to_visual(self, doc: dict[str, Any]) -> list[Any]:
        """Returns the document's media; an empty list where there are none."""
        return self._profile.media.classic(doc)

    def doc_to_messages(self, doc: dict[str, Any]) -> list[dict[str, Any]]:
        """Returns chat messages with the media themselves under `url`: the task's own, or one user turn."""
        if self.config.doc_to_messages is not None:
            messages: list[dict[str, Any]] = first_messages(self.config.doc_to_messages, doc, self.prompt_options)
            return messages
        return chat_messages(self._profile.fields.question(doc), self.doc_to_visual(doc))

    def media(self, doc: dict[str, Any]) -> list[Any]:
        """Returns the document's media, in the order in which the prompt refers to them."""
        return self._profile.media.visuals(doc)

    def media_identity(self, doc: dict[str, Any]) -> MediaIdentity:
        """Returns what identifies the document's media, without decoding them."""
        return self._profile.media.identity(doc)

    def prompt_media(self, doc_id: int, doc: dict[str, Any], options: PromptOptions) -> list[list[Any]]:
        """Returns the media of a document's prompt; see `RequestBuilder.media`."""
        self.check_options(options)
        return self._profile.builder.media(doc_id, doc, options)

    def prompt_media_identity(self, doc_id: int, doc: dict[str, Any], options: PromptOptions) -> MediaIdentity:
        """Returns what identifies the media of a document's prompt; see `RequestBuilder.media_identity`."""
        return self._profile.builder.media_identity(doc_id, doc, options)

    # Requests.

    def document_requests(self, doc_id: int, doc: dict[str, Any], options: PromptOptions) -> list[DocumentRequest]:
        """Returns the requests of one document, in slot order."""
        self.check_options(options)
        return self._profile.builder.requests(doc_id, doc, options)

    def plain_requests(self, doc_ids: Sequence[int], options: PromptOptions) -> PlainRequests | None:
        """Returns the requests of many documents at once, where a template and columns tell them."""
        self.check_options(options)
        builder = self._profile.builder
        return builder.plain(self.docs.shared(doc_ids), options) if builder.is_plain(options) else None

    def check_options(self, options: PromptOptions) -> None:
        """Puts the options' prompt profile in place, and refuses options that the task cannot honour.

        Raises:
            TaskFileError: the task asks for what this version does not do.
            UsageError, DatasetError: see `RequestBuilder.check`.
        """
        if options is self._checked:
            return
        if options.prompt_profile not in ("default", self.prompt_profile):
            self._use_profile(options.prompt_profile)
        self._check_supported()
        self._profile.builder.check(options)
        self._checked = options

    def pools(self, options: PromptOptions) -> list[Documents]:
        """Returns the evaluated documents, and those that few-shot examples come from, where there are examples."""
        return [self.docs, *([self._examples.documents] if self._profile.builder.fewshot_count(options) else [])]

    def compile(
        self,
        options: PromptOptions,
        *,
        limit: float | None = None,
        offset: int = 0,
        rank: int = 0,
        world_size: int = 1,
        cache_requests: bool = False,
        rewrite_requests_cache: bool = False,
    ) -> RequestTable:
        """Returns the requests of this rank's documents, and keeps them as `table` and `instances`.

        Args:
            options: how prompts are built.
            limit: so many documents; below 1, a share of them; None and 0 mean all.
            offset: the first document. Offset and limit apply before the ranks share the documents.
            rank: this rank, of `world_size`.
            world_size: how many ranks there are.
            cache_requests: take the table from the request cache if it is there, and keep it there.
            rewrite_requests_cache: build it even if it is there, and keep the new one.

        Raises:
            UsageError, UnsupportedError: options that the task cannot honour.
            DatasetError: the data are not there.
        """
        self.check_options(options)
        documents = shard(len(self.docs), limit=limit, offset=offset, rank=rank, world_size=world_size)
        build = partial(compile_requests, self, documents, options)
        pools = self.pools(options)
        if (cache_requests or rewrite_requests_cache) and may_be_kept(self, pools, self._folder):
            parts = [self.fingerprint, *(pool.fingerprint for pool in pools), limit, offset, rank, world_size]
            cache = RequestCache(self.cache_folder)
            self.table = cache.get(table_parts(options, parts), build, rewrite=rewrite_requests_cache)
        else:
            self.table = build()
        self.instances = Instances(self, self.table)
        return self.table

    def build_all_requests(
        self,
        *,
        limit: float | None = None,
        offset: int = 0,
        rank: int = 0,
        world_size: int = 1,
        cache_requests: bool = False,
        rewrite_requests_cache: bool = False,
        system_instruction: str | None = None,
        apply_chat_template: bool | None = False,
        fewshot_as_multiturn: bool = False,
        chat_template: str | None = None,
        tokenizer_name: str = "",
    ) -> RequestTable:
        """Returns `compile` (see there) by classic names. Prompts of tasks with media are always chat messages."""
        options = PromptOptions(
            system_instruction=system_instruction,
            apply_chat_template=apply_chat_template,
            fewshot_as_multiturn=fewshot_as_multiturn,
            chat_template=chat_template,
            tokenizer_name=tokenizer_name,
            prompt_profile=self.prompt_profile,
        )
        return self.compile(
            options,
            limit=limit,
            offset=offset,
            rank=rank,
            world_size=world_size,
            cache_requests=cache_requests,
            rewrite_requests_cache=rewrite_requests_cache,
        )

    def next_round(
        self, doc: dict[str, Any], round_idx: int, outputs: list[str], info: Any, options: PromptOptions
    ) -> Round:
        """Returns round `round_idx` (from 1) of a dialog, given the answers so far."""
        self.check_options(options)
        state = (round_idx, outputs, info)
        return next_round(self.config, doc, state, options, own=self.prompt_options, folder=self._folder)

    # The classic API.

    def fewshot_context(
        self,
        doc: dict[str, Any],
        num_fewshot: int | None = None,
        system_instruction: str | None = None,
        apply_chat_template: bool | None = False,
        fewshot_as_multiturn: bool = False,
        *,
        doc_id: int | None = None,
    ) -> str:
        """Returns the text of a document's prompt; of chat messages their texts, without a template.

        Args:
            doc: the document.
            num_fewshot: examples before the question; None takes the task's own number.
            system_instruction: text of the system turn.
            apply_chat_template: build chat messages.
            fewshot_as_multiturn: examples as turns of a dialog.
            doc_id: the document's number, which decides on the examples that it gets.
        """
        options = PromptOptions(num_fewshot, system_instruction, apply_chat_template, fewshot_as_multiturn)
        self.check_options(options)
        text = "" if self._profile.builder.choices_are_questions(doc) else None
        return self._profile.builder.prompt(doc_id, doc, options, text=text).plain_text()

    def construct_requests(
        self, doc_id: int, ctx: str, *, is_simple: bool = True, metadata: Mapping[str, Any] | None = None
    ) -> Instance | list[Instance]:
        """Returns the document's request for a context, or the list of its choices' requests.

        Args:
            doc_id: the document.
            ctx: what the model is shown: `fewshot_context`.
            is_simple: whether it is for a model that takes context and media, rather than chat messages.
            metadata: further entries of the instances' metadata.
        """
        doc = self.docs[doc_id]
        requests = self._profile.builder.of_context(ctx, doc)
        made = [make_instance(self, entry, doc_id, is_simple=is_simple, metadata=metadata) for entry in requests]
        return made if self.OUTPUT_TYPE == "multiple_choice" else made[0]

    def instance(self, request: DocumentRequest, doc_id: int, *, is_simple: bool = True) -> Instance:
        """Returns the request as the classic API shows it, to simple models or to those that take chat messages."""
        return make_instance(self, request, doc_id, is_simple=is_simple)

    def process_results(self, doc: dict[str, Any], results: list[Any]) -> dict[str, Any]:
        """Returns the metrics' values for one document; see `Scorer.score`."""
        return self._scorer.score(self._profile.fields, doc, results, self.docs if self.config.full_docs else ())

    def aggregation(self) -> dict[str, Callable[..., Any]]:
        """Returns for each metric the function that turns the documents' values into the result."""
        return self._scorer.aggregation()

    def higher_is_better(self) -> dict[str, bool]:
        """Returns for each metric whether higher is better."""
        return self._scorer.higher_is_better()

    def filters(self) -> list[FilterPipeline]:
        """Returns the pipeline of each entry of `filter_list`; see `build_filters`."""
        return build_filters(self.config)

    def config_for_results(self) -> dict[str, Any]:
        """Returns the settings as plain JSON values, with what the run has made of them."""
        return self.config.to_dict() | {
            "generation_kwargs": self.generation_kwargs if self.OUTPUT_TYPE.startswith("generate") else {},
            "prompt_profile": self.prompt_profile,
            "dataset_revision": self._source.revision,
        }
