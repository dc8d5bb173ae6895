"""`RequestBuilder`: one document becomes its requests, by output type."""

from __future__ import annotations

import itertools
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson
import xxhash

from fasteval.api.prompt import VISUALS, Prompt
from fasteval.api.request import Kind
from fasteval.api.task import DocumentRequest, MediaIdentity, PlainRequests
from fasteval.errors import DocumentError, UsageError
from fasteval.models.sampling import SamplingParameters
from fasteval.tasks.choices import UNCONDITIONAL_METRIC
from fasteval.tasks.config import is_column_name
from fasteval.tasks.prompts import (
    Example,
    Question,
    build_prompt,
    example_of_messages,
    is_chat,
    plain_prompts,
    prompt_of_messages,
)
from fasteval.tasks.templates import render_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fasteval.api.task import PromptOptions
    from fasteval.tasks.config import TaskConfig
    from fasteval.tasks.documentmedia import DocumentMedia
    from fasteval.tasks.fewshot import FewshotExamples
    from fasteval.tasks.fields import DocumentFields

__all__ = ["RequestBuilder"]


class RequestBuilder:
    """Builds the prompts and requests of one task's documents."""

    def __init__(
        self,
        config: TaskConfig,
        fields: DocumentFields,
        examples: tuple[FewshotExamples, DocumentFields],
        media: DocumentMedia,
        generation_kwargs: Mapping[str, Any],
    ) -> None:
        """Takes what the task is made of; `examples` are the pool and the fields of its documents."""
        self._config, self._fields, self._media = config, fields, media
        self._examples, self._example_fields = examples
        self._generation_kwargs = generation_kwargs

    @cached_property
    def _rows(self) -> int:
        # Greedy answers are all the same: one is asked for, and scoring copies it.
        is_greedy = SamplingParameters.from_generation_kwargs(self._generation_kwargs).is_greedy
        return 1 if is_greedy else self._config.repeats

    @property
    def _asks_unconditionally(self) -> bool:
        """Whether each choice is to be scored without the question, too."""
        return any(entry["metric"] == UNCONDITIONAL_METRIC for entry in self._config.metric_list)

    def fewshot_count(self, options: PromptOptions) -> int:
        """Returns how many examples a prompt has: the run's number, else the task's, else none."""
        return options.num_fewshot if options.num_fewshot is not None else self._config.num_fewshot or 0

    def check(self, options: PromptOptions) -> None:
        """Refuses options that this task's prompts cannot honour.

        Raises:
            UsageError: examples as turns of a dialog, but no chat messages.
            DatasetError: there are not enough examples.
        """
        name, count = self._config.task, self.fewshot_count(options)
        chat = is_chat(self._config, options)
        if options.fewshot_as_multiturn and count and not chat:
            raise UsageError(f"task '{name}': --fewshot_as_multiturn needs --apply_chat_template")
        if count and self._config.output_type != "loglikelihood_rolling":
            self._examples.draw(count, {}, 0, options.fewshot_seed)

    def prompt(
        self, doc_id: int | None, doc: dict[str, Any], options: PromptOptions, *, text: str | None = None
    ) -> Prompt:
        """Returns the document's prompt; `text` replaces the question (`""` leaves it out)."""
        description = render_template(self._config.description, doc) if self._config.description else ""
        drawn = self._drawn(doc_id, doc, options)
        examples = tuple(self._example(number, example) for number, example in enumerate(drawn)) if drawn else ()
        if self._config.doc_to_messages is not None:
            return prompt_of_messages(self._media.messages(doc)[0], description, examples, self._config, options)
        question = self._fields.question(doc) if text is None else text
        return build_prompt(Question(description, examples, question), self._config, options)

    def _drawn(self, doc_id: int | None, doc: dict[str, Any], options: PromptOptions) -> list[dict[str, Any]]:
        """Returns the documents that are a document's few-shot examples."""
        count = self.fewshot_count(options)
        if not count or self._config.output_type == "loglikelihood_rolling":
            return []
        return self._examples.draw(count, doc, doc_id, options.fewshot_seed)

    def _example(self, number: int, doc: dict[str, Any]) -> Example:
        answer = self._example_fields.answer(doc)
        if self._config.doc_to_messages is not None:
            return example_of_messages(self._media.messages(doc)[0], answer, number)
        text = self._example_fields.question(doc)
        if not self._config.declares_visuals:
            return Example(text, answer)
        return Example(text, answer, (VISUALS | {"example": number}, {"type": "text", "text": text}))

    def media(self, doc_id: int | None, doc: dict[str, Any], options: PromptOptions) -> list[list[Any]]:
        """Returns the media of a document's prompt: those of each few-shot example, then the document's own."""
        return [self._media.visuals(shown) for shown in (*self._drawn(doc_id, doc, options), doc)]

    def media_identity(self, doc_id: int | None, doc: dict[str, Any], options: PromptOptions) -> MediaIdentity:
        """Returns what identifies the media of a document's prompt, those of its examples included."""
        own = self._media.identity(doc)
        if not self.fewshot_count(options) or not self._config.declares_visuals:
            return own
        shown = [*map(self._media.identity, self._drawn(doc_id, doc, options)), own]
        if not any(identity.key for identity in shown):
            return own
        # Which of them has how many media is in the prompt's parts only when they are loaded: each key has its place.
        key = xxhash.xxh3_128_digest(orjson.dumps([identity.key.hex() for identity in shown]))
        return MediaIdentity(key, tuple(source for identity in shown for source in identity.sources))

    def requests(self, doc_id: int, doc: dict[str, Any], options: PromptOptions) -> list[DocumentRequest]:
        """Returns the document's requests, in slot order.

        The choices' continuations begin with `target_delimiter` after a plain prompt. In a chat the answer begins a
        turn of its own, with nothing to be set apart from (but for a beginning of it that the task gives): there they
        are the bare choices. Where a metric wants
        their probabilities without the question, too, the same continuations follow once more, behind an empty prompt.
        """
        output_type = self._config.output_type
        if output_type == "loglikelihood_rolling":
            # The target is the whole text: neither examples nor a template belong to it.
            return [DocumentRequest(Kind.LOGLIKELIHOOD_ROLLING, 0, Prompt(text=self._fields.answer(doc)))]
        if output_type == "multiple_choice":
            return self._choices(doc_id, doc, options)
        return self.of_prompt(self.prompt(doc_id, doc, options), doc)

    def is_plain(self, options: PromptOptions) -> bool:
        """Whether a template of texts and columns is all that tells one document's requests from another's."""
        config, choices = self._config, self._fields.choice
        if config.output_type == "multiple_choice":
            if self._asks_unconditionally or not (
                isinstance(choices, list) or (isinstance(choices, str) and is_column_name(choices))
            ):
                return False
        elif config.output_type != "generate_until":
            return False
        is_own = config.description or config.doc_to_messages or self.fewshot_count(options)
        return not is_own and not is_chat(config, options) and self._fields.asks_by_template

    def plain(self, docs: list[dict[str, Any]], options: PromptOptions) -> PlainRequests:
        """Returns the requests of many documents, where `is_plain`; may raise what any of them costs by itself."""
        config = self._config
        prompts = plain_prompts([self._fields.question(doc) for doc in docs], config, options)
        if config.output_type == "generate_until":
            return PlainRequests(
                Kind.GENERATE_UNTIL, prompts, [[None] * self._rows] * len(docs), self._generation_kwargs
            )
        delimiter = config.target_delimiter
        continuations = [[delimiter + choice for choice in self._fields.doc_to_choice(doc)] for doc in docs]
        return PlainRequests(Kind.LOGLIKELIHOOD, prompts, continuations)

    def of_prompt(self, prompt: Prompt, doc: dict[str, Any]) -> list[DocumentRequest]:
        """Returns the document's requests where its one prompt is known.

        Args:
            prompt: the prompt.
            doc: the document.
        """
        output_type = self._config.output_type
        if output_type == "multiple_choice":
            continuations = [self._delimiter(prompt) + choice for choice in self._fields.doc_to_choice(doc)]
            prompts = [prompt] if not self._asks_unconditionally else [prompt, Prompt(text="")]
            pairs = itertools.product(prompts, continuations)
            return [DocumentRequest(Kind.LOGLIKELIHOOD, slot, *pair) for slot, pair in enumerate(pairs)]
        if output_type == "loglikelihood":
            return [DocumentRequest(Kind.LOGLIKELIHOOD, 0, prompt, self._fields.answer(doc))]
        kwargs = self._generation_kwargs
        if output_type == "generate_until_multi_round":
            return [DocumentRequest(Kind.GENERATE_UNTIL_MULTI_ROUND, 0, prompt, generation_kwargs=kwargs)]
        return [
            DocumentRequest(Kind.GENERATE_UNTIL, slot, prompt, generation_kwargs=kwargs) for slot in range(self._rows)
        ]

    def choices_are_questions(self, doc: dict[str, Any]) -> bool:
        """Whether each choice makes a prompt of its own, before one and the same continuation.

        So it is where `doc_to_text` gives a number: that of the right one.
        """
        if self._config.output_type != "multiple_choice" or self._config.doc_to_text is None:
            return False
        return self._fields.question_number(doc) is not None

    def of_context(self, context: str, doc: dict[str, Any]) -> list[DocumentRequest]:
        """Returns the document's requests for a context that somebody made of `prompt`, as the classic API wants it."""
        if not self.choices_are_questions(doc):
            return self.of_prompt(Prompt(text=context), doc)
        return self._of_questions([Prompt(text=context + choice) for choice in self._fields.doc_to_choice(doc)], doc)

    def _of_questions(self, prompts: list[Prompt], doc: dict[str, Any]) -> list[DocumentRequest]:
        """Returns one request for each of the choices' own prompts; the target continues all of them.

        Raises:
            DocumentError: a metric wants the choices' probabilities without the question, which they are.
        """
        if self._asks_unconditionally:
            raise DocumentError(f"{UNCONDITIONAL_METRIC} has no meaning where the choices are the questions")
        target = str(self._fields.doc_to_target(doc))
        return [
            DocumentRequest(Kind.LOGLIKELIHOOD, slot, prompt, self._delimiter(prompt) + target)
            for slot, prompt in enumerate(prompts)
        ]

    def _choices(self, doc_id: int, doc: dict[str, Any], options: PromptOptions) -> list[DocumentRequest]:
        if not self.choices_are_questions(doc):
            return self.of_prompt(self.prompt(doc_id, doc, options), doc)
        choices = self._fields.doc_to_choice(doc)
        return self._of_questions([self.prompt(doc_id, doc, options, text=choice) for choice in choices], doc)

    def _delimiter(self, prompt: Prompt) -> str:
        beginning = self._config.gen_prefix
        if prompt.is_chat and (not beginning or beginning[-1].isspace()):
            return ""
        return self._config.target_delimiter
