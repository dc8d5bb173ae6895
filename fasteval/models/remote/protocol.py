"""What is said to an OpenAI-compatible server, and what its replies mean: pure functions, which talk to nobody.

The protocol: https://platform.openai.com/docs/api-reference (chat completions and completions); what vLLM's server adds
to it: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from fasteval.api.request import Response
from fasteval.errors import RequestError
from fasteval.media import decode_image
from fasteval.models.host.media_decoder import to_rgb

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fasteval.api.request import EngineRequest
    from fasteval.media import Media
    from fasteval.models.sampling import SamplingParameters

__all__ = [
    "DIALECTS",
    "Dialect",
    "Question",
    "context_question",
    "generation_question",
    "joint_question",
    "read_generation",
    "read_score",
    "read_token_ids",
]

_OPENAI = frozenset(
    {"max_tokens", "temperature", "top_p", "stop", "seed", "n", "presence_penalty", "frequency_penalty"}
)
_EXTENDED = _OPENAI | {"top_k", "min_p", "repetition_penalty", "min_tokens", "skip_special_tokens"}
# What is sent only where it is not at the value that means "off": servers that do not know a field may refuse it.
_OFF = {"top_p": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0, "n": 1, "stop": ()}
_OFF |= {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "min_tokens": 0, "skip_special_tokens": True}
# Formats whose bytes every server decodes to the pixels that we would decode.
_PASSED_ON = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a kind of server understands.

    Attributes:
        options: names of `SamplingParameters` that it honours.
        scores: whether it gives log-probabilities of a prompt's own tokens, with their ids.
        names_images: whether an image may carry a name under which the server keeps it.
    """

    options: frozenset[str]
    scores: bool = False
    names_images: bool = False


#: By name: `openai` is what the protocol itself has. SGLang's was not tried against a server of its own.
DIALECTS = {
    "openai": Dialect(_OPENAI),
    "vllm": Dialect(_EXTENDED, scores=True, names_images=True),
    "sglang": Dialect(_EXTENDED),
}


# vLLM's options for a last turn that the model goes on with.
_CONTINUE = {"add_generation_prompt": False, "continue_final_message": True}


@dataclass(frozen=True, slots=True)
class Question:
    """One request of the protocol: where it goes, and the JSON body but for the model's name."""

    path: str
    body: dict[str, Any]


def generation_question(
    request: EngineRequest, sampling: SamplingParameters, dialect: Dialect, *, max_tokens: int | None
) -> Question:
    """Returns the request that generates text.

    Args:
        request: what the run asks.
        sampling: its options in canonical form; all of them are honoured by the dialect.
        dialect: what the server understands.
        max_tokens: the limit; None leaves it to the server, which stops where its context ends.
    """
    seed = sampling.seed_for(request.seed)
    options: dict[str, Any] = {"temperature": sampling.temperature, "max_tokens": max_tokens}
    for name, off in _OFF.items():
        value = getattr(sampling, name)
        if value != off:
            options[name] = list(value) if name == "stop" else value
    if seed is not None:
        options["seed"] = seed % (1 << 63)
    return _question(request, dialect, options)


def context_question(request: EngineRequest, dialect: Dialect) -> Question:
    """Returns the request that tells the tokens of a log-likelihood's context, media included.

    White space at the end of a plain context counts as the continuation's (see `PromptTokenizer.pair`).

    Raises:
        RequestError: the context is empty: what stands for it is known to the server's tokenizer only.
    """
    question = _question(request, dialect, {"temperature": 0.0, "max_tokens": 1, "return_token_ids": True})
    if request.prompt.text is None:
        return question
    kept = request.prompt.text.rstrip()
    if not kept:
        raise RequestError("the context is empty: a server cannot be asked to score a text that follows nothing")
    return Question(question.path, question.body | {"prompt": kept})


def joint_question(request: EngineRequest, dialect: Dialect) -> Question:
    """Returns the request that scores context and continuation together."""
    continuation = request.continuation or ""
    if not continuation:
        raise RequestError("the continuation is empty: there is nothing to score")
    options: dict[str, Any] = {"temperature": 0.0, "max_tokens": 1, "return_token_ids": True, "prompt_logprobs": 0}
    question = _question(request, dialect, options)
    if request.prompt.text is not None:
        return Question(question.path, question.body | {"prompt": request.prompt.text + continuation})
    messages = question.body["messages"]
    if request.prompt.beginning is not None:
        messages, continuation = messages[:-1], request.prompt.beginning + continuation
    messages = [*messages, {"role": "assistant", "content": continuation}]
    return Question(question.path, question.body | {"messages": messages} | _CONTINUE)


def _question(request: EngineRequest, dialect: Dialect, options: dict[str, Any]) -> Question:
    if request.prompt.text is not None:
        return Question("completions", {"prompt": request.prompt.text, **options})
    media = [_image_part(medium, dialect) for medium in request.media]
    messages = [
        {"role": message["role"], "content": _content(message["content"], media)}
        for message in request.prompt.messages or ()
    ]
    if request.prompt.beginning is None:
        return Question("chat/completions", {"messages": messages, **options})
    if not dialect.scores:
        raise RequestError("this server cannot continue the beginning of an answer (gen_prefix): vLLM's can")
    return Question("chat/completions", {"messages": messages, **options, **_CONTINUE})


def _content(parts: Sequence[Mapping[str, Any]], media: Sequence[dict[str, Any]]) -> str | list[Any]:
    """Returns a message's content; a lone text as a plain string, which every server takes."""
    if len(parts) == 1 and parts[0]["type"] == "text":
        return str(parts[0]["text"])
    return [part if part["type"] == "text" else media[part["index"]] for part in parts]


def _image_part(medium: Media, dialect: Dialect) -> dict[str, Any]:
    if medium.kind != "image":
        raise RequestError(f"servers are sent images, no {medium.kind}: run the checkpoint with --model vllm")
    part: dict[str, Any] = {"type": "image_url", "image_url": {"url": _data_url(medium)}}
    if dialect.names_images:
        part["uuid"] = medium.content_id
    return part


def _data_url(medium: Media) -> str:
    """Returns the picture as a URL: the file as it is where the server sees in it what we do, else a PNG of the pixels.

    Raises:
        RequestError: the picture cannot be read.
    """
    encoded, kind = _file(medium)
    if kind is None:
        buffer = io.BytesIO()
        try:
            to_rgb(decode_image(medium)).save(buffer, "PNG", compress_level=1)
        except OSError as error:
            raise RequestError(f"unreadable image: {error}") from error
        encoded, kind = buffer.getvalue(), "image/png"
    return f"data:{kind};base64,{base64.b64encode(encoded).decode()}"


def _file(medium: Media) -> tuple[bytes, str | None]:
    """Returns the encoded file and its type; no type where the picture has to be turned into pixels first."""
    if medium.raw is not None:
        return b"", None
    try:
        encoded = medium.source if isinstance(medium.source, bytes) else Path(medium.source).read_bytes()
        with Image.open(io.BytesIO(encoded)) as image:
            is_plain = image.mode in ("RGB", "L") and "transparency" not in image.info
            is_same = is_plain and not getattr(image, "is_animated", False)
            same_operations = all(operation == ("convert", "RGB") for operation in medium.operations)
            return encoded, _PASSED_ON.get(image.format or "") if is_same and same_operations else None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise RequestError(f"unreadable image: {error}") from error


def read_generation(reply: Mapping[str, Any]) -> Response:
    """Returns the texts of a reply.

    Raises:
        RequestError: the server gave the request up.
        KeyError, TypeError, ValueError: the reply is not what the protocol says.
    """
    choices = sorted(reply["choices"], key=lambda choice: int(choice.get("index", 0)))
    if not choices:
        raise ValueError("the reply has no choices")
    reasons = {str(choice["finish_reason"]) for choice in choices}
    if not reasons <= {"stop", "length"}:
        raise RequestError(f"the server gave the request up ({', '.join(sorted(reasons))})")
    texts = tuple(_text(choice) for choice in choices)
    usage = reply.get("usage") or {}
    reason = "length" if "length" in reasons else "stop"
    prompt_tokens, output_tokens = int(usage.get("prompt_tokens", 0)), int(usage.get("completion_tokens", 0))
    return Response(texts, None, None, prompt_tokens, output_tokens, reason)


def _text(choice: Mapping[str, Any]) -> str:
    if "message" in choice:
        return str(choice["message"].get("content") or "")
    return str(choice["text"])


def read_token_ids(reply: Mapping[str, Any]) -> list[int]:
    """Returns the prompt's tokens, which vLLM's server tells beside the answer.

    Raises:
        KeyError, TypeError, ValueError: the reply does not have them.
    """
    ids = reply.get("prompt_token_ids") or reply["choices"][0]["prompt_token_ids"]
    return [int(token) for token in ids]


def read_score(context: Sequence[int], reply: Mapping[str, Any]) -> Response:
    """Returns the log-probability of the tokens that follow a context.

    Args:
        context: the context's tokens.
        reply: the reply to the joint question.

    Raises:
        RequestError: the server's template does not let the continuation follow the context.
        KeyError, TypeError, ValueError: the reply is not what vLLM's server says.
    """
    whole = read_token_ids(reply)
    shared = next((i for i, (one, other) in enumerate(zip(context, whole, strict=False)) if one != other), len(context))
    start = len(context) if len(context) < len(whole) else min(shared, len(whole))
    if not start or start >= len(whole) or shared < min(start, len(context) - 1):
        raise RequestError("the server's chat template does not let the continuation follow the prompt")
    rows = reply["prompt_logprobs"] if "prompt_logprobs" in reply else reply["choices"][0]["prompt_logprobs"]
    if len(rows) != len(whole):
        raise ValueError(f"{len(rows)} log-probabilities for {len(whole)} tokens")
    scored = [rows[place][str(whole[place])] for place in range(start, len(whole))]
    is_greedy = all(int(entry["rank"]) == 1 for entry in scored)
    return Response((), sum(float(entry["logprob"]) for entry in scored), is_greedy, start, len(scored))
