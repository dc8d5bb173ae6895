"""`Task`: what the engine needs to know of a benchmark.

`fasteval.tasks.ConfigurableTask` implements it from YAML. The compiler (`fasteval.requests`) asks for the requests of
each document, the stream asks for media when it needs them, and the evaluation asks for scores.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fasteval.api.instance import Instance
    from fasteval.api.prompt import Prompt
    from fasteval.api.request import Kind

__all__ = ["DocumentRequest", "MediaIdentity", "PlainRequests", "PromptOptions", "Round", "Task"]


@dataclass(frozen=True, slots=True)
class PromptOptions:
    """How documents are turned into prompts: everything of the command line that changes what a model reads.

    Attributes:
        num_fewshot: examples before the question; None takes the task's own number.
        system_instruction: text of a system turn (or of the prompt's beginning, for plain prompts).
        apply_chat_template: chat messages in place of plain text. None: where the document has media.
        fewshot_as_multiturn: examples as turns of a dialog rather than as text; needs chat messages.
        chat_template: name or text of the template that the model will apply; part of the request cache's key only.
        tokenizer_name: part of the request cache's key only.
        prompt_profile: which entry of `lmms_eval_specific_kwargs` is used; "default" where it is absent.
        fewshot_seed: seed of samplers that draw examples; combined with task and document.
    """

    num_fewshot: int | None = None
    system_instruction: str | None = None
    apply_chat_template: bool | None = None
    fewshot_as_multiturn: bool = False
    chat_template: str | None = None
    tokenizer_name: str = ""
    prompt_profile: str = "default"
    fewshot_seed: int = 1234


@dataclass(slots=True)  # not frozen: one is made for each request, and freezing costs five times as much
class DocumentRequest:
    """One request of one document, before it has a place in a table.

    Attributes:
        kind: what is asked.
        slot: the choice's number, the repeat's or the round's.
        prompt: the canonical prompt. Requests of one document that share it should share the object.
        continuation: the text to score (log-likelihood kinds only).
        generation_kwargs: as the task file has them (generating kinds only).
    """

    kind: Kind
    slot: int
    prompt: Prompt
    continuation: str | None = None
    generation_kwargs: Mapping[str, Any] | None = None


class PlainRequests(NamedTuple):
    """The requests of D documents whose prompts are plain texts without media.

    Attributes:
        kind: what is asked.
        prompts: D texts.
        continuations: for each document those of its requests, in slot order; None in each place for generating kinds.
        generation_kwargs: as the task file has them (generating kinds only).
    """

    kind: Kind
    prompts: Sequence[str]
    continuations: Sequence[Sequence[str | None]]
    generation_kwargs: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class MediaIdentity:
    """What a document's media are, told without decoding them.

    Attributes:
        key: 16 bytes that differ wherever the media could differ; empty if the document has none.
        sources: 16 bytes for each encoded source: equal sources should stand side by side in the run.
    """

    key: bytes = b""
    sources: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Round:
    """The next round of a dialog: what the model is shown, or that there is none.

    Attributes:
        prompt: the next round's prompt; None if the dialog is over.
        media: the media that the prompt's parts refer to.
        outputs: the dialog's answers so far, as the task returns them.
        info: whatever the task wants back in the next round.
    """

    prompt: Prompt | None
    media: Sequence[Any] = ()
    outputs: Sequence[str] = field(default_factory=list)
    info: Any = None


class Task(ABC):
    """One benchmark: documents, the requests they make, and how answers become numbers."""

    #: "generate_until", "multiple_choice", "loglikelihood", "loglikelihood_rolling" or "generate_until_multi_round".
    OUTPUT_TYPE: str
    VERSION: int | str = 0

    @property
    @abstractmethod
    def name(self) -> str:
        """The name under which results are reported."""

    @property
    @abstractmethod
    def split(self) -> str:
        """Name of the split that is evaluated."""

    @property
    @abstractmethod
    def docs(self) -> Sequence[dict[str, Any]]:
        """The documents of the evaluated split, loaded at the first access, each read when it is indexed."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A digest of all that makes the task's requests what they are: configuration, code and data."""

    @abstractmethod
    def document_requests(self, doc_id: int, doc: dict[str, Any], options: PromptOptions) -> list[DocumentRequest]:
        """Returns the requests of one document, in slot order."""

    def plain_requests(self, doc_ids: Sequence[int], options: PromptOptions) -> PlainRequests | None:  # noqa: ARG002
        """Returns the requests of many documents at once, the same as one by one; None where that cannot be told."""
        return None

    @abstractmethod
    def media_identity(self, doc: dict[str, Any]) -> MediaIdentity:
        """Returns what identifies the document's media, without decoding them."""

    @abstractmethod
    def media(self, doc: dict[str, Any]) -> list[Any]:
        """Returns the document's media: images (lazy ones where possible), paths of videos, arrays of audio."""

    def prompt_media(self, doc_id: int, doc: dict[str, Any], options: PromptOptions) -> list[list[Any]]:  # noqa: ARG002 - of examples
        """Returns the media of a document's prompt: those of each few-shot example, then the document's own."""
        return [self.media(doc)]

    def prompt_media_identity(self, doc_id: int, doc: dict[str, Any], options: PromptOptions) -> MediaIdentity:  # noqa: ARG002
        """Returns what identifies the media of a document's prompt, those of its examples included."""
        return self.media_identity(doc)

    def next_round(
        self, doc: dict[str, Any], round_idx: int, outputs: list[str], info: Any, options: PromptOptions
    ) -> Round:
        """Returns round `round_idx` (from 1) of a dialog, given the answers so far."""
        raise NotImplementedError(f"{type(self).__name__} is no multi-round task")

    @abstractmethod
    def instance(self, request: DocumentRequest, doc_id: int) -> Instance:
        """Returns the request as the classic API shows it."""

    @abstractmethod
    def doc_to_target(self, doc: dict[str, Any]) -> Any:
        """Returns the right answer, as the metrics want it."""

    @abstractmethod
    def process_results(self, doc: dict[str, Any], results: list[Any]) -> dict[str, Any]:
        """Returns the metrics' values for one document.

        Args:
            doc: the document.
            results: its filtered answers: texts, or (log-probability, is_greedy) pairs in slot order.
        """

    @abstractmethod
    def aggregation(self) -> dict[str, Callable[..., Any]]:
        """Returns for each metric the function that turns the documents' values into the result."""

    @abstractmethod
    def higher_is_better(self) -> dict[str, bool]:
        """Returns for each metric whether higher is better."""
