"""`VLLMBackend`: requests through vLLM's continuous batching, fed one by one while it works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fasteval.api.request import Completion, Kind, Response
from fasteval.errors import EngineError, RequestError, UnsupportedError
from fasteval.models.continuation import encode_pair, encode_prompt, prefix_token
from fasteval.models.rolling import rolling_windows
from fasteval.models.sampling import SamplingParameters
from fasteval.models.vllm_loading import load_engine
from fasteval.models.vllm_sampling import generation_params, scoring_params

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from PIL import Image

    from fasteval.models.engine_config import EngineConfig
    from fasteval.models.wire import HostRequest

__all__ = ["VLLMBackend"]


@dataclass(slots=True)
class _Part:
    """One request to vLLM; a rolling text is several.

    Attributes:
        row: the row that it belongs to.
        scored: how many tokens at the prompt's end are scored; 0 where text is generated.
    """

    row: int
    scored: int


@dataclass(slots=True)
class _Row:
    """A row in hand: the names of its parts that vLLM still works on, and what the others gave."""

    parts: set[str]
    logprob: float = 0.0
    is_greedy: bool = True
    prompt_tokens: int = 0
    output_tokens: int = 0


class VLLMBackend:
    """A vLLM engine and the rows that it has in hand."""

    def __init__(self, config: EngineConfig) -> None:
        """Loads the checkpoint (see `load_engine` for what it raises)."""
        self._engine = load_engine(config)
        self._renderer = self._engine.renderer
        self._tokenizer = self._engine.get_tokenizer()
        self._bos = self._tokenizer.bos_token_id
        self._prefix = prefix_token(self._bos, self._tokenizer.eos_token_id)
        vllm_config = self._engine.vllm_config
        #: Longest prompt: vLLM always has to generate one token behind it.
        self._limit = vllm_config.model_config.max_model_len - 1
        self._capacity: int = vllm_config.scheduler_config.max_num_seqs
        self._takes_images: bool = vllm_config.model_config.supports_multimodal_inputs
        self._parts: dict[str, _Part] = {}
        self._rows: dict[int, _Row] = {}
        names = ("engine_steps", "requests", "prompt_tokens", "cached_tokens", "output_tokens", "images_processed")
        self._counters = dict.fromkeys(names, 0.0)

    @property
    def capacity(self) -> int:
        """How many sequences vLLM schedules at a time."""
        return self._capacity

    @property
    def unfinished(self) -> int:
        """How many rows it has in hand."""
        return len(self._rows)

    def add(self, request: HostRequest, images: Sequence[Image.Image]) -> None:
        """Takes a row (see `Backend.add`)."""
        if images and not self._takes_images:
            raise UnsupportedError("this checkpoint takes no images, and the request has some")
        if request.kind.generates:
            token_ids = encode_prompt(self._encode, request.text, is_plain=request.is_plain, bos_token=self._bos)
            parts = [(token_ids, 0)]
        elif request.kind == Kind.LOGLIKELIHOOD_ROLLING:
            parts = self._rolling_parts(request)
        else:
            parts = [
                encode_pair(
                    self._encode,
                    request.text,
                    request.continuation or "",
                    is_plain=request.is_plain,
                    bos_token=self._bos,
                    prefix=self._prefix,
                )
            ]
        inputs = [(self._render(token_ids, request, images), scored) for token_ids, scored in parts]
        row = self._rows[request.row] = _Row(parts=set())
        try:
            for number, (prompt, scored) in enumerate(inputs):
                name = f"{request.row}.{number}"
                self._engine.add_request(name, prompt, self._params(request, prompt))
                self._parts[name] = _Part(request.row, scored)
                row.parts.add(name)
        except (ValueError, UnsupportedError) as error:
            self.cancel([request.row])
            if isinstance(error, UnsupportedError):
                raise
            raise RequestError(f"vLLM refuses the prompt: {error}") from error
        self._counters["requests"] += 1

    def _encode(self, text: str, add_special_tokens: bool) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=add_special_tokens))

    def _rolling_parts(self, request: HostRequest) -> list[tuple[list[int], int]]:
        token_ids = self._encode(request.text, False)
        if not token_ids:
            raise RequestError("the text is empty: there is nothing to score")
        if self._prefix is None:
            raise RequestError("the tokenizer has no BOS or EOS for the first token to be conditioned on")
        windows = rolling_windows(token_ids, self._prefix, self._limit)
        return [(context + scored, len(scored)) for context, scored in windows]

    def _render(self, token_ids: list[int], request: HostRequest, images: Sequence[Image.Image]) -> Any:
        """Returns the prompt in vLLM's own form, images processed and placeholders expanded."""
        self._check_length(len(token_ids))
        prompt: dict[str, Any] = {"prompt_token_ids": token_ids}
        if images:
            prompt["multi_modal_data"] = {"image": list(images)}
            prompt["multi_modal_uuids"] = {"image": [medium.content_id for medium in request.media]}
        try:
            (rendered,) = self._renderer.render_cmpl([prompt])
        except MemoryError:
            raise
        except Exception as error:  # one document's image can break a processor in any way
            text = str(error).strip().partition("\n")[0]
            raise RequestError(f"the model's processor refuses the prompt: {text or type(error).__name__}") from error
        self._check_length(len(rendered["prompt_token_ids"]))
        return rendered

    def _check_length(self, length: int) -> None:
        if not length:
            raise RequestError("the prompt is empty")
        if length > self._limit:
            raise RequestError(
                f"the prompt of {length} tokens is longer than the model's limit of {self._limit} "
                "(one token of max_model_len is for the answer)"
            )

    def _params(self, request: HostRequest, prompt: Any) -> Any:
        if not request.kind.generates:
            return scoring_params()
        room = self._limit + 1 - len(prompt["prompt_token_ids"])
        return generation_params(request.sampling or SamplingParameters(), request.seed, room)

    def step(self) -> list[Completion]:
        """Runs one step of the engine; returns the rows that it completed."""
        if not self._parts:
            return []
        self._counters["engine_steps"] += 1
        completions = []
        for output in self._engine.step():
            part = self._parts.get(output.request_id)
            if part is None or not output.finished:
                continue  # cancelled, or some samples of several
            del self._parts[output.request_id]
            completion = self._complete(part, output)
            if completion is not None:
                completions.append(completion)
        return completions

    def _complete(self, part: _Part, output: Any) -> Completion | None:
        """Books a finished part; returns the row's completion if it was the last one."""
        tokens = sum(len(sample.token_ids) for sample in output.outputs)
        self._counters["prompt_tokens"] += len(output.prompt_token_ids)
        self._counters["cached_tokens"] += output.num_cached_tokens or 0
        self._counters["output_tokens"] += tokens
        row = self._rows[part.row]
        row.parts.discard(output.request_id)
        reasons = {str(sample.finish_reason) for sample in output.outputs}
        if not reasons <= {"stop", "length"}:
            self.cancel([part.row])
            return Completion(part.row, error=f"vLLM gave the request up ({', '.join(sorted(reasons))})")
        row.prompt_tokens += len(output.prompt_token_ids) - part.scored
        if not part.scored:
            del self._rows[part.row]
            texts = tuple(sample.text for sample in output.outputs)
            reason = "length" if "length" in reasons else "stop"
            return Completion(part.row, Response(texts, None, None, row.prompt_tokens, tokens, reason))
        row.output_tokens += part.scored
        logprob, is_greedy = _score(output, part.scored)
        row.logprob += logprob
        row.is_greedy &= is_greedy
        if row.parts:
            return None
        del self._rows[part.row]
        return Completion(part.row, Response((), row.logprob, row.is_greedy, row.prompt_tokens, row.output_tokens))

    def cancel(self, rows: Collection[int]) -> None:
        """Drops rows; vLLM stops working on them."""
        names = [name for row in rows if row in self._rows for name in self._rows.pop(row).parts]
        for name in names:
            del self._parts[name]
        if names:
            self._engine.abort_request(names)

    def counters(self) -> dict[str, float]:
        """Returns what was counted: steps, requests, tokens (in the prompt, of these cached, out), images processed."""
        stats = self._renderer.stat_mm_cache()
        if stats is not None:
            self._counters["images_processed"] += stats.queries - stats.hits
        return dict(self._counters)

    def reset_caches(self) -> None:
        """Forgets prefixes, encoder outputs and processed images.

        Raises:
            EngineError: requests are in hand, whose blocks cannot be forgotten.
        """
        if not self._engine.reset_prefix_cache():
            raise EngineError("the prefix cache cannot be reset while requests are in hand")
        self._engine.reset_mm_cache()
        self._engine.reset_encoder_cache()

    def close(self) -> None:
        """Stops vLLM, with whatever processes it started."""
        self._engine.engine_core.shutdown()


def _score(output: Any, scored: int) -> tuple[float, bool]:
    """Returns the summed log-probability of the prompt's last `scored` tokens, and whether each was the likeliest.

    The rows are taken from the end: images make the prompt longer than it was sent, in front of the continuation.
    """
    rows = output.prompt_logprobs
    if rows is None or len(rows.logprobs) < scored or rows.token_ids[-scored:] != output.prompt_token_ids[-scored:]:
        raise EngineError("vLLM's log-probabilities do not belong to the prompt's tokens")
    return float(sum(rows.logprobs[-scored:])), all(rank == 1 for rank in rows.ranks[-scored:])
