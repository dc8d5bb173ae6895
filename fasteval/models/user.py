"""`LMMEngine`: a model that somebody wrote against the classic contract, behind the engine protocol."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Protocol

import xxhash

from fasteval.api.model import LMM
from fasteval.api.request import Completion, EngineRequest, Kind, Response
from fasteval.errors import EngineError, FastEvalError, UnknownNameError, UsageError
from fasteval.models.engine import Capabilities
from fasteval.safety.paths import expanded, is_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fasteval.api.instance import Instance
    from fasteval.api.prompt import Prompt

__all__ = ["InstanceOf", "LMMEngine", "load_model_class"]

_unnamed = itertools.count()


class InstanceOf(Protocol):
    """Gives the classic view of a request."""

    def __call__(self, row: int, *, is_simple: bool) -> Instance:
        """Returns row `row` for a model that takes media, or (not `is_simple`) chat messages."""


def load_model_class(reference: str) -> type[LMM]:
    """Returns the class that `path/to/file.py:MyModel` names.

    Raises:
        UsageError: the file is not there or does not run, or the class is no `LMM`.
    """
    file, _, name = reference.rpartition(":")
    path = expanded(file).absolute()
    if not is_file(path):
        raise UsageError(f"--model {reference}: there is no file {path}")
    spec = importlib.util.spec_from_file_location(f"fasteval_user_model_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"--model {reference}: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickling look their module up by name
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"--model {reference}: {type(error).__name__}: {error}") from error
    cls = getattr(module, name, None)
    if cls is None:
        classes = [key for key, value in vars(module).items() if isinstance(value, type) and issubclass(value, LMM)]
        raise UnknownNameError(f"class in {path}", name, classes)
    if not (isinstance(cls, type) and issubclass(cls, LMM)):
        raise UsageError(f"--model {reference}: {name} is not a subclass of fasteval.LMM")
    return cls


class LMMEngine:
    """Hands a model the requests that are in hand, kind by kind, in lists of at most `batch_size`.

    Answers of such a model are kept for later runs only if it says what it is: a `fingerprint` attribute (a text that
    changes whenever its answers could). Without one nobody can know which weights it loaded.
    """

    is_ready = True  # the model was loaded when it was built

    def __init__(self, model: LMM, instance_of: InstanceOf, *, batch_size: int = 64) -> None:
        """Wraps `model`; `instance_of(row)` gives the classic view of a request."""
        self._model, self._instance_of, self._batch_size = model, instance_of, batch_size
        self._pending: dict[Kind, list[EngineRequest]] = defaultdict(list)
        self._requests = 0
        declared = getattr(model, "fingerprint", None)
        unique = f"unnamed {next(_unnamed)} {id(model)}"
        self._fingerprint = xxhash.xxh3_128_hexdigest(f"lmm {type(model).__name__} {declared or unique}".encode())
        self._is_cacheable = declared is not None

    def fingerprint(self) -> str:
        """Returns a digest of what the model says it is."""
        return self._fingerprint

    def identity(self) -> dict[str, Any]:
        """Returns the model's class, and what it says of itself."""
        return {"backend": "lmm", "class": type(self._model).__name__, "fingerprint": self._fingerprint}

    def capabilities(self) -> Capabilities:
        """Returns that the model answers everything, dialogs as a whole."""
        return Capabilities(window=self._batch_size, runs_dialogs=True, is_cacheable=self._is_cacheable)

    def render(self, prompt: Prompt) -> str:
        """Returns the context: the model makes its own prompt of it."""
        return prompt.plain_text()

    def start(self) -> None:
        """Has nothing to load."""

    def submit(self, requests: Sequence[EngineRequest]) -> None:
        """Takes requests."""
        for request in requests:
            self._pending[request.kind].append(request)

    def poll(self, timeout: float) -> list[Completion]:  # noqa: ARG002 - the model answers before it returns
        """Runs one batch and returns its answers.

        Raises:
            EngineError: the model raised, or did not return one answer a request.
        """
        for kind, requests in self._pending.items():
            if requests:
                batch, self._pending[kind] = requests[: self._batch_size], requests[self._batch_size :]
                return self._run(kind, batch)
        return []

    def cancel(self, rows: Iterable[int]) -> None:
        """Forgets what is pending of `rows`."""
        unwanted = set(rows)
        for kind, requests in self._pending.items():
            self._pending[kind] = [request for request in requests if request.row not in unwanted]

    def counters(self) -> dict[str, float]:
        """Returns how many requests the model was asked."""
        return {"requests": float(self._requests)}

    def reset_caches(self) -> None:
        """Knows of none."""

    def close(self) -> None:
        """Lets the model release what it holds."""
        self._model.clean()

    def _run(self, kind: Kind, batch: list[EngineRequest]) -> list[Completion]:
        instances = [self._instance_of(request.row, is_simple=self._model.is_simple) for request in batch]
        name = f"{type(self._model).__name__}.{kind.request_type}"
        try:
            answers = getattr(self._model, kind.request_type)(instances)
        except FastEvalError:
            raise
        except Exception as error:
            raise EngineError(f"{name} failed: {type(error).__name__}: {error}") from error
        if len(answers) != len(batch):
            raise EngineError(f"{name} returned {len(answers)} answers to {len(batch)} requests")
        self._requests += len(batch)
        return [
            Completion(request.row, _response(kind, answer, name))
            for request, answer in zip(batch, answers, strict=True)
        ]


def _response(kind: Kind, answer: Any, name: str) -> Response:
    """Returns the response for what a model returned: a text, texts, (log-probability, is_greedy), or a number."""
    try:
        if kind is Kind.LOGLIKELIHOOD:
            logprob, is_greedy = answer
            return Response(logprob=float(logprob), is_greedy=bool(is_greedy))
        if kind is Kind.LOGLIKELIHOOD_ROLLING:
            return Response(logprob=float(answer[0] if isinstance(answer, tuple) else answer), is_greedy=False)
        if isinstance(answer, tuple):  # lmms-eval's (text, token counts)
            answer = answer[0]
        texts = (answer,) if isinstance(answer, str) else tuple(getattr(answer, "text", text) for text in answer)
        return Response(texts=texts, finish_reason="stop")
    except (TypeError, ValueError) as error:
        raise EngineError(f"{name} returned {answer!r}, which is no answer") from error
