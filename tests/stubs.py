"""Stand-ins that tests of several rooms share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import xxhash

from fasteval.api.instance import Instance
from fasteval.api.prompt import Prompt, user_message
from fasteval.api.request import EngineRequest, Kind, Response
from fasteval.api.task import DocumentRequest, MediaIdentity, PromptOptions, Round, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass
class ListTask(Task):
    """A task over a list of documents `{"question": …}`, with `choices` a multiple-choice one."""

    documents: Sequence[dict[str, Any]]
    task_name: str = "list"
    choices: tuple[str, ...] = ()
    generation_kwargs: dict[str, Any] = field(default_factory=lambda: {"max_new_tokens": 8})
    repeats: int = 1
    visuals: bool = False
    rounds: int = 0

    @property
    def name(self) -> str:
        return self.task_name

    @property
    def split(self) -> str:
        return "test"

    @property
    def docs(self) -> Sequence[dict[str, Any]]:
        return self.documents

    @property
    def fingerprint(self) -> str:
        return self.task_name

    def document_requests(self, doc_id: int, doc: dict[str, Any], options: PromptOptions) -> list[DocumentRequest]:
        if self.visuals:
            prompt = Prompt(messages=[user_message(doc["question"], with_visuals=True)])
        else:
            prompt = Prompt(text=doc["question"])
        if self.choices:
            return [
                DocumentRequest(Kind.LOGLIKELIHOOD, slot, prompt, choice) for slot, choice in enumerate(self.choices)
            ]
        kind = Kind.GENERATE_UNTIL_MULTI_ROUND if self.rounds else Kind.GENERATE_UNTIL
        return [
            DocumentRequest(kind, repeat, prompt, generation_kwargs=self.generation_kwargs)
            for repeat in range(self.repeats)
        ]

    def media_identity(self, doc: dict[str, Any]) -> MediaIdentity:
        if not self.visuals:
            return MediaIdentity()
        digest = xxhash.xxh3_128_digest(doc["image"].tobytes())
        return MediaIdentity(digest, (digest,))

    def media(self, doc: dict[str, Any]) -> list[Any]:
        return [doc["image"]] if self.visuals else []

    def next_round(
        self, doc: dict[str, Any], round_idx: int, outputs: list[str], info: Any, options: PromptOptions
    ) -> Round:
        if round_idx >= self.rounds:
            return Round(None, outputs=outputs, info=info)
        return Round(Prompt(text=f"{doc['question']} | {' | '.join(outputs)}"), info=(info or 0) + 1)

    def instance(self, request: DocumentRequest, doc_id: int) -> Instance:
        metadata = {"task": self.name, "doc_id": doc_id, "repeats": self.repeats, "split": self.split}
        arguments: tuple[Any, ...] = (
            request.prompt.plain_text(),
            request.continuation,
            lambda _doc: [],
            doc_id,
            self.name,
            self.split,
        )
        return Instance(request.kind.request_type, arguments, request.slot, metadata)

    def doc_to_target(self, doc: dict[str, Any]) -> Any:
        return doc.get("answer")

    def process_results(self, doc: dict[str, Any], results: list[Any]) -> dict[str, Any]:
        return {"exact_match": float(results[0] == doc.get("answer"))}

    def aggregation(self) -> dict[str, Callable[..., Any]]:
        return {"exact_match": lambda values: sum(values) / len(values)}

    def higher_is_better(self) -> dict[str, bool]:
        return {"exact_match": True}


def echo(request: EngineRequest) -> Response:
    """Answers with the prompt's text, or with a log-probability that depends on prompt and continuation alone."""
    text = request.prompt.plain_text()
    if request.kind.generates:
        suffix = "" if request.seed is None else f" #{request.seed}"
        return Response(texts=(f"echo {text}{suffix}",), prompt_tokens=1, output_tokens=2, finish_reason="stop")
    number = xxhash.xxh3_64_intdigest(f"{text}|{request.continuation}".encode())
    return Response(logprob=-float(number % 1000) / 10, is_greedy=bool(number % 2), prompt_tokens=1, output_tokens=1)
