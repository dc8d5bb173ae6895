"""Answers that an earlier run recorded, and the engine that stands where a model would: it knows no others."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fasteval.api.request import Response
from fasteval.cache import ResponseCache
from fasteval.errors import RequestError, SavedResultsError
from fasteval.models.engine import Capabilities
from fasteval.models.replay import ReplayEngine
from fasteval.scheduling.plan import dialog_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from fasteval.results.saved import SavedRun, SavedTask

__all__ = ["Recorded", "RecordedEngine", "record"]

_NO_ANSWER = "no answer to this request is recorded: it had none, or prompt, media or options have changed since"


@dataclass(frozen=True, slots=True)
class Recorded:
    """The answers of saved runs.

    Attributes:
        answers: folder of a response cache that has the model's.
        judgements: the judge's, by key.
    """

    answers: Path
    judgements: Mapping[bytes, Response]


def record(runs: Iterable[SavedRun], folder: Path) -> Recorded:
    """Writes the answers that samples have into the response cache `folder`, and returns them with the judge's.

    Raises:
        SavedResultsError: the samples do not say which requests they answer.
    """
    judgements: dict[bytes, Response] = {}
    with ResponseCache.open(folder) as cache:
        for run in runs:
            for key, response in _answers(run):
                cache.append(key, response)
            judgements.update(_judgements(run))
    return Recorded(folder, judgements)


class RecordedEngine(ReplayEngine):
    """Has the identity of a model that is not here, and no answers beyond those that the cache has been given."""

    def __init__(self, manifest: Mapping[str, Any], *, runs_dialogs: bool) -> None:
        """Takes the model's identity from the manifest of its run."""
        super().__init__(
            _refuse, fingerprint=manifest["model"]["fingerprint"], capabilities=Capabilities(runs_dialogs=runs_dialogs)
        )
        self._parts = dict(manifest["model"]["parts"])

    def identity(self) -> dict[str, Any]:
        """Returns the parts of the recorded model's fingerprint."""
        return self._parts


def _judgements(run: SavedRun) -> Iterator[tuple[bytes, Response]]:
    for task in run.tasks.values():
        for sample in task.samples:
            for asked in sample.get("judgements") or ():
                if "key" in asked:
                    response = Response((asked["text"],), None, None, asked["prompt_tokens"], asked["output_tokens"])
                    yield bytes.fromhex(asked["key"]), response


def _answers(run: SavedRun) -> Iterator[tuple[bytes, Response]]:
    """Yields key and answer of each request whose answer is in the samples; dialogs count as one answer.

    Raises:
        SavedResultsError: the samples do not say which requests they answer.
    """
    whole = bool(run.facts["manifest"]["model"]["runs_dialogs"])
    for task in run.tasks.values():
        seen = set()
        for sample in task.samples:
            if sample["doc_id"] in seen or not sample.get("resps"):
                continue  # another filter's view of the same answers, or none
            seen.add(sample["doc_id"])
            yield from _of_sample(run, task, sample, is_whole=whole)


def _of_sample(
    run: SavedRun, task: SavedTask, sample: Mapping[str, Any], *, is_whole: bool
) -> Iterator[tuple[bytes, Response]]:
    keys, values = sample.get("request_keys"), sample["resps"]
    if not isinstance(keys, list) or len(keys) != len(values):
        raise SavedResultsError(
            f"{run.path}: the samples of {task.name} do not say which requests they answer (request_keys)"
        )
    is_dialog = task.config.get("output_type") == "generate_until_multi_round"
    for number, (digits, value) in enumerate(zip(keys, values, strict=True)):
        key = bytes.fromhex(digits)
        if is_dialog and not is_whole:
            key = dialog_key(task.name, sample["doc_id"], key)
        prompt_tokens, output_tokens = _token_counts(sample, number)
        response = _response(value, sample, number)
        yield key, replace(response, prompt_tokens=prompt_tokens, output_tokens=output_tokens)


def _token_counts(sample: Mapping[str, Any], number: int) -> tuple[int, int]:
    """Returns the tokens of a document's prompts and answers, which its first request stands for, or of one choice."""
    prompt_tokens, output_tokens = (
        int(sample.get(name, 0)) if number == 0 else 0 for name in ("prompt_tokens", "output_tokens")
    )
    scored = sample.get("scored_tokens")
    return prompt_tokens, int(scored[number]) if scored else output_tokens


def _response(value: Any, sample: Mapping[str, Any], number: int) -> Response:
    logprobs, greedy = sample.get("logprobs"), sample.get("is_greedy")
    if logprobs is not None and greedy is not None:
        # JSON has no infinities: the samples have null where the log-probability is that of the impossible.
        logprob = -math.inf if logprobs[number] is None else float(logprobs[number])
        return Response(logprob=logprob, is_greedy=bool(greedy[number]))
    texts = (value,) if isinstance(value, str) else tuple(value)
    return Response(texts=texts, finish_reason=sample.get("finish_reason"))


def _refuse(_request: Any) -> Response:
    raise RequestError(_NO_ANSWER)
