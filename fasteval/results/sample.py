"""`Sample`: a document with prompt, answers and scores, as the samples file has it; `ScoredDocument`: all of them."""

from __future__ import annotations

import hashlib
import operator
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from fasteval.results.encoding import to_json, without_media
from fasteval.results.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

__all__ = ["Sample", "ScoredDocument"]

#: Fields that are written only where they say something.
_OPTIONAL = ("judgements", "continuations", "logprobs", "is_greedy", "scored_tokens", "request_keys", "error")
_optional = operator.attrgetter(*_OPTIONAL)


@dataclass(slots=True, kw_only=True)  # not frozen: one is made for each document, and freezing costs five times as much
class Sample:
    """One document under one filter.

    Attributes:
        doc_id: the document's number in its split.
        doc: the document; its media are left out where it is written.
        target: the right answer.
        prompt: the exact text that the model was shown, or the messages where a server renders them.
        context: the prompt without template and media: what lmms-eval logs as `input`.
        resps: the raw answers, one entry a request; an entry lists its repeats.
        filtered_resps: the answers after filtering, one entry a request.
        filter: name of the filter.
        metrics: the document's value of each metric.
        finish_reason: why the answer ended ("stop", "length"); None for log-likelihoods.
        prompt_tokens: tokens of the document's prompts.
        output_tokens: tokens generated for the document.
        continuations: text of each choice; None for generated answers.
        logprobs: log-probability of each choice; None for generated answers.
        is_greedy: for each choice whether greedy decoding gives it; None for generated answers.
        scored_tokens: how many tokens each choice has; None for generated answers.
        request_keys: for each request the key of its answer in the response cache, in hex digits.
        judgements: what a judge was asked about the answers, and what it said.
        error: why the document has no score; None if it has one.
    """

    doc_id: int
    doc: Mapping[str, Any] = field(default_factory=dict)
    target: Any = None
    prompt: str | Sequence[Mapping[str, Any]] = ""
    context: str = ""
    resps: Sequence[Any] = ()
    filtered_resps: Sequence[Any] = ()
    filter: str = "none"
    metrics: Mapping[str, Any] = field(default_factory=dict)
    finish_reason: str | None = None
    prompt_tokens: int = 0
    output_tokens: int = 0
    continuations: Sequence[str] | None = None
    logprobs: Sequence[float] | None = None
    is_greedy: Sequence[bool] | None = None
    scored_tokens: Sequence[int] | None = None
    request_keys: Sequence[str] | None = None
    judgements: Sequence[Mapping[str, Any]] | None = None
    error: str | None = None

    @classmethod
    def from_dict(cls, line: Mapping[str, Any]) -> Self:
        """Returns the sample that `to_dict` turned into `line`, as far as JSON can tell."""
        metrics = {name: line.get(f"metric_{name}", line.get(name)) for name in line["metrics"]}
        own = {field.name for field in fields(cls)} - {"context", "metrics"}
        given = {name: value for name, value in line.items() if name in own}
        return cls(**given, context=line["input"], metrics=metrics)

    def to_dict(self) -> dict[str, Any]:
        """Returns the sample as the samples file has it.

        Metric values stand at the top level, as lm-eval and lmms-eval have them, and `metrics` lists their names. A
        metric whose name is taken there becomes `metric_<name>`. `doc_hash` pairs the samples of two runs.
        """
        doc = without_media(self.doc)
        sample: dict[str, Any] = {
            "doc_id": self.doc_id,
            "doc": doc,
            "target": self.target,
            "prompt": self.prompt,
            "input": self.context,
            "resps": self.resps,
            "filtered_resps": self.filtered_resps,
            "filter": self.filter,
            "metrics": list(self.metrics),
            "finish_reason": self.finish_reason,
            "prompt_tokens": self.prompt_tokens,
            "output_tokens": self.output_tokens,
            "doc_hash": hashlib.sha256(to_json(doc, sort_keys=True)).hexdigest(),
        }
        for name, value in zip(_OPTIONAL, _optional(self), strict=True):
            if value is not None:
                sample[name] = redact(value) if name == "error" else value
        for name, value in self.metrics.items():
            sample[f"metric_{name}" if name in sample or name in _OPTIONAL else name] = value
        return sample


@dataclass(slots=True)
class ScoredDocument:
    """One document after scoring, under every filter.

    Attributes:
        doc_id: its number in its split.
        values: for each filter the metrics' values; empty if the document failed.
        samples: for each filter the line of the samples file.
        cluster: label of the cluster that its standard error belongs to (an image, a video), or None.
        error: why it has no values.
    """

    doc_id: int
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    cluster: Any = None
    error: str | None = None
