"""The wire between the front process and the engine host: frames of a JSON header and binary blobs, never pickle.

A frame is one message with the header (`type`, fields, and how many blobs follow) and one message a blob. Each side
owns one end of a socket pair; the header's `type` is one of `MESSAGES`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from fasteval import errors
from fasteval.api.request import Completion, Kind, Response
from fasteval.media import Media
from fasteval.models.sampling import SamplingParameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from multiprocessing.connection import Connection

__all__ = [
    "MESSAGES",
    "Frame",
    "HostRequest",
    "Wire",
    "decode_completions",
    "decode_failure",
    "decode_requests",
    "encode_completions",
    "encode_failure",
    "encode_requests",
]

#: Front to host, then host to front.
MESSAGES = frozenset(
    {"configure", "requests", "cancel", "reset_caches", "shutdown"}
    | {"ready", "completions", "heartbeat", "failure", "log"}
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: its type, its fields (whatever JSON can say), its blobs."""

    type: str
    fields: dict[str, Any] = field(default_factory=dict)
    blobs: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        """Refuses a type that the other side would not know."""
        if self.type not in MESSAGES:
            raise ValueError(f"unknown message type '{self.type}'")


@dataclass(frozen=True, slots=True)
class HostRequest:
    """One request as the host gets it: rendered, with its generation options in canonical form.

    Attributes:
        row: the caller's number for it.
        kind: what is asked.
        text: the exact text that the model is shown, with one placeholder a medium.
        is_plain: whether the tokenizer adds its special tokens (a chat template has written them already), and
            whether white space at the end of the text counts as the continuation's (see `PromptTokenizer.pair`).
        continuation: the text whose log-probability is wanted.
        media: the media, in the order of their placeholders.
        sampling: generation options; None for log-likelihoods.
        seed: the seed of this request; None where nothing is sampled.
    """

    row: int
    kind: Kind
    text: str
    is_plain: bool = True
    continuation: str | None = None
    media: tuple[Media, ...] = ()
    sampling: SamplingParameters | None = None
    seed: int | None = None


class Wire:
    """One end of the socket pair. Any thread may send; one thread receives."""

    def __init__(self, connection: Connection) -> None:
        """Takes over `connection`."""
        self._connection = connection
        self._sending = threading.Lock()

    def send(self, frame: Frame) -> None:
        """Sends a frame; blocks while the other side does not read.

        Raises:
            OSError: the other side is gone.
        """
        header = {"type": frame.type, "fields": frame.fields, "blobs": len(frame.blobs)}
        with self._sending:
            self._connection.send_bytes(orjson.dumps(header))
            for blob in frame.blobs:
                self._connection.send_bytes(blob)

    def receive(self, timeout: float | None = None) -> Frame | None:
        """Returns the next frame, or None if none begins within `timeout` seconds (None waits for ever).

        Raises:
            EOFError: the other side is gone.
            OSError: likewise.
        """
        if timeout is not None and not self._connection.poll(timeout):
            return None
        header = orjson.loads(self._connection.recv_bytes())
        blobs = tuple(self._connection.recv_bytes() for _ in range(header["blobs"]))
        return Frame(header["type"], header["fields"], blobs)

    def close(self) -> None:
        """Closes this end; may be called twice."""
        self._connection.close()


def encode_requests(requests: Sequence[HostRequest]) -> Frame:
    """Returns the frame for some requests; a medium that several of them share is in it once."""
    numbers: dict[str, int] = {}
    media: list[dict[str, Any]] = []
    blobs: list[bytes] = []
    rows = []
    for request in requests:
        for medium in request.media:
            if medium.content_id not in numbers:
                numbers[medium.content_id] = len(media)
                fields = _fields(medium)
                if isinstance(medium.source, bytes):
                    fields["source"] = len(blobs)
                    blobs.append(medium.source)
                media.append(fields)
        fields = _fields(request)
        fields["kind"] = int(request.kind)
        fields["media"] = [numbers[medium.content_id] for medium in request.media]
        fields["sampling"] = None if request.sampling is None else _fields(request.sampling)
        rows.append(fields)
    return Frame("requests", {"requests": rows, "media": media}, tuple(blobs))


def decode_requests(frame: Frame) -> list[HostRequest]:
    """Returns the requests of a frame."""
    media = [_medium(fields, frame.blobs) for fields in frame.fields["media"]]
    return [_request(fields, media) for fields in frame.fields["requests"]]


def encode_completions(completions: Iterable[Completion], counters: dict[str, float]) -> Frame:
    """Returns the frame for some completions, with the host's counters as they stand behind them."""
    rows = [{"row": one.row, "response": _response_fields(one.response), "error": one.error} for one in completions]
    return Frame("completions", {"completions": rows, "counters": counters})


def decode_completions(frame: Frame) -> list[Completion]:
    """Returns the completions of a frame."""
    rows = frame.fields["completions"]
    return [Completion(fields["row"], _response(fields["response"]), fields["error"]) for fields in rows]


def encode_failure(error: BaseException) -> Frame:
    """Returns the frame that ends a host: what kind of error, and its one line."""
    known = isinstance(error, errors.FastEvalError)
    name = type(error).__name__ if known else "EngineError"
    text = str(error) if known else f"{type(error).__name__}: {errors.first_line(error)}"
    return Frame("failure", {"class": name, "text": text})


def decode_failure(frame: Frame) -> errors.FastEvalError:
    """Returns the error that the host died of, as an error of the class that it had there."""
    kind = getattr(errors, frame.fields["class"], errors.EngineError)
    if kind is errors.UnknownNameError:  # its text is complete; its constructor would compose another one
        kind = errors.UsageError
    error = kind(frame.fields["text"])
    return error if isinstance(error, errors.FastEvalError) else errors.EngineError(frame.fields["text"])


def _fields(value: Any) -> dict[str, Any]:
    """Returns the fields of a dataclass with slots."""
    return {name: getattr(value, name) for name in value.__slots__}


def _medium(fields: dict[str, Any], blobs: tuple[bytes, ...]) -> Media:
    """Returns a medium whose `source` is a path, or the number of a blob."""
    source, raw = fields["source"], fields["raw"]
    changed = {
        "source": blobs[source] if isinstance(source, int) else source,
        "operations": tuple((name, argument) for name, argument in fields["operations"]),
        "raw": None if raw is None else tuple(raw),
    }
    return Media(**{**fields, **changed})


def _request(fields: dict[str, Any], media: list[Media]) -> HostRequest:
    sampling = fields["sampling"]
    changed = {
        "kind": Kind(fields["kind"]),
        "media": tuple(media[number] for number in fields["media"]),
        "sampling": sampling and SamplingParameters(**{**sampling, "stop": tuple(sampling["stop"])}),
    }
    return HostRequest(**{**fields, **changed})


# Log-probabilities in hexadecimal, because JSON has no infinity: an impossible continuation's is minus infinity.


def _response_fields(response: Response | None) -> dict[str, Any] | None:
    if response is None:
        return None
    fields = _fields(response)
    fields["logprob"] = None if response.logprob is None else float(response.logprob).hex()
    return fields


def _response(fields: dict[str, Any] | None) -> Response | None:
    if fields is None:
        return None
    response = Response(**fields)
    response.texts = tuple(response.texts)
    response.logprob = None if fields["logprob"] is None else float.fromhex(fields["logprob"])
    return response
