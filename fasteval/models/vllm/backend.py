"""`VLLMBackend`: requests through vLLM's continuous batching, fed one by one while it works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fasteval.api.request import Completion, Kind, Response
from fasteval.errors import EngineError, RequestError, UnsupportedError, first_line
from fasteval.models.host.tokenizer import PromptTokenizer
from fasteval.models.sampling import SamplingParameters
from fasteval.models.vllm.loading import load_engine
from fasteval.models.vllm.media import VLLMMedia, keep_media_in_process
from fasteval.models.vllm.sampling import generation_params, scoring_params
from fasteval.models.vllm.scoring import ChoiceScorer, engine_traits, read_edges
from fasteval.scoring import Reading

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from fasteval.models.engine_config import EngineConfig
    from fasteval.models.host.media_decoder import Decoded
    from fasteval.models.host.wire import HostRequest

__all__ = ["VLLMBackend"]


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
        vllm_config = self._engine.vllm_config
        self._tokens = PromptTokenizer(self._engine.get_tokenizer(), vllm_config.model_config.max_model_len - 1)
        #: How many sequences vLLM schedules at a time.
        self.capacity: int = vllm_config.scheduler_config.max_num_seqs
        self._media = VLLMMedia(self._renderer, str(vllm_config.model_config.architecture))
        self._in_process: bool = type(self._engine.engine_core).__name__ == "InprocClient"
        self.outlives_process = not self._in_process
        self._keeps_media = self._in_process and keep_media_in_process(self._renderer)
        self._last_media: list[str] = []
        cache = vllm_config.cache_config
        cache_tokens = (cache.num_gpu_blocks or 0) * cache.block_size
        encoder_tokens = int(vllm_config.scheduler_config.encoder_cache_size or 0)
        self._scorer = ChoiceScorer(self._engine, engine_traits(self._engine), cache_tokens, encoder_tokens)
        self._refused: list[Completion] = []
        # Requests to vLLM, of which a rolling text is several: the row, and how many tokens at the end are scored (0
        # where text is generated).
        self._parts: dict[str, tuple[int, int]] = {}
        self._rows: dict[int, _Row] = {}
        names = ("engine_steps", "requests", "prompt_tokens", "cached_tokens", "output_tokens", "images_processed")
        self._counters = dict.fromkeys(names, 0.0)

    @property
    def unfinished(self) -> int:
        """How many rows it has in hand."""
        return len(self._rows) + self._scorer.unfinished

    def add(self, requests: Sequence[HostRequest], decoded: Sequence[Decoded]) -> list[Completion]:
        """Takes a row, or rows that are choices of one question (see `Backend.add`)."""
        self._media.check(requests[0].media)
        if requests[0].kind == Kind.LOGLIKELIHOOD:
            return self._add_choices(requests, decoded)
        self._add_one(requests[0], decoded)
        return []

    def _add_one(self, request: HostRequest, decoded: Sequence[Decoded]) -> None:
        if request.kind.generates:
            parts = [(self._tokens.prompt(request.text, is_plain=request.is_plain), 0)]
        else:
            parts = [(context + scored, len(scored)) for context, scored in self._tokens.windows(request.text)]
        inputs = [(self._render(token_ids, request, decoded), scored) for token_ids, scored in parts]
        row = self._rows[request.row] = _Row(parts=set())
        try:
            for number, (prompt, scored) in enumerate(inputs):
                name = f"{request.row}.{number}"
                self._engine.add_request(name, prompt, self._params(request, prompt))
                self._parts[name] = request.row, scored
                row.parts.add(name)
        except (ValueError, UnsupportedError) as error:
            self.cancel([request.row])
            if isinstance(error, UnsupportedError):
                raise
            raise RequestError(f"vLLM refuses the prompt: {error}") from error
        self._counters["requests"] += 1

    def _add_choices(self, requests: Sequence[HostRequest], decoded: Sequence[Decoded]) -> list[Completion]:
        refused: list[Completion] = []
        contexts: dict[tuple[int, ...], list[tuple[int, list[int]]]] = {}
        for request in requests:
            try:
                before, continuation = self._tokens.pair(request.text, request.continuation, is_plain=request.is_plain)
            except RequestError as error:
                refused.append(Completion(request.row, error=str(error)))
            else:
                # Where a choice's first token reaches back into the prompt, its context is another one.
                contexts.setdefault(tuple(before), []).append((request.row, continuation))
        for context, choices in contexts.items():
            refused += self._add_context(list(context), choices, requests[0], decoded)
        self._counters["requests"] += len(requests) - len(refused)
        return refused

    def _add_context(
        self,
        token_ids: list[int],
        choices: Sequence[tuple[int, list[int]]],
        request: HostRequest,
        decoded: Sequence[Decoded],
    ) -> list[Completion]:
        """Hands the continuations of one context to the scorer; returns the completions of those that do not fit."""
        try:
            context = self._render(token_ids, request, decoded)
        except RequestError as error:
            return [Completion(row, error=str(error)) for row, _ in choices]
        refused, fitting = [], []
        length = len(context["prompt_token_ids"])
        for row, continuation in choices:
            try:
                self._tokens.check_length(length + len(continuation))
                fitting.append((row, continuation))
            except RequestError as error:
                refused.append(Completion(row, error=str(error)))
        if not fitting:
            return refused

        def prompt(tokens: tuple[int, ...]) -> Any:
            if self._in_process or not decoded:
                return context | {"prompt_token_ids": [*context["prompt_token_ids"], *tokens]}
            # An engine in another process is sent each medium once, and the renderer keeps account of it.
            return self._render([*token_ids, *tokens], request, decoded)

        rows, continuations = zip(*fitting, strict=True)
        places = context.get("mm_placeholders") or {}
        media_tokens = sum(place.length for several in places.values() for place in several)
        return refused + self._scorer.add(rows, continuations, length, prompt, media_tokens)

    def _render(self, token_ids: list[int], request: HostRequest, decoded: Sequence[Decoded]) -> Any:
        """Returns the prompt in vLLM's own form, media processed and placeholders expanded."""
        self._tokens.check_length(len(token_ids))
        media = [medium.content_id for medium in request.media]
        is_kept = bool(decoded) and self._keeps_media and media == self._last_media
        prompt: dict[str, Any] = {"prompt_token_ids": token_ids}
        if decoded:
            prompt |= self._media.inputs(request.media, decoded, is_kept=is_kept)
            self._last_media = media
        try:
            (rendered,) = self._renderer.render_cmpl([prompt])
        except MemoryError:
            raise
        except Exception as error:  # one document's media can break a processor in any way
            self._last_media = []
            if is_kept:  # this processor looks at the media whether it needs them or not
                return self._render(token_ids, request, decoded)
            raise RequestError(f"the model's processor refuses the prompt: {first_line(error)}") from error
        self._tokens.check_length(len(rendered["prompt_token_ids"]))
        return rendered

    def _params(self, request: HostRequest, prompt: Any) -> Any:
        if not request.kind.generates:
            return scoring_params()
        room = self._tokens.longest + 1 - len(prompt["prompt_token_ids"])
        return generation_params(request.sampling or SamplingParameters(), request.seed, room)

    def step(self) -> list[Completion]:
        """Runs one step of the engine; returns the rows that it completed."""
        completions, self._refused = self._refused, []
        if not self.unfinished:
            return completions
        self._counters["engine_steps"] += 1
        for output in self._engine.step():
            if not output.finished:
                continue  # some samples of several
            if self._scorer.owns(output.request_id):
                self._count_tokens(output)
                completions += self._scorer.finish(output)
            part = self._parts.pop(output.request_id, None)
            completion = None if part is None else self._complete(*part, output)
            if completion is not None:
                completions.append(completion)
        return completions

    def _count_tokens(self, output: Any) -> int:
        """Books the tokens of a finished request; returns how many it generated."""
        tokens = sum(len(sample.token_ids) for sample in output.outputs)
        self._counters["prompt_tokens"] += len(output.prompt_token_ids)
        self._counters["cached_tokens"] += output.num_cached_tokens or 0
        self._counters["output_tokens"] += tokens
        return tokens

    def _complete(self, number: int, scored: int, output: Any) -> Completion | None:
        """Books a finished part; returns the row's completion if it was the last one."""
        tokens = self._count_tokens(output)
        row = self._rows[number]
        row.parts.discard(output.request_id)
        reasons = {str(sample.finish_reason) for sample in output.outputs}
        if not reasons <= {"stop", "length"}:
            self.cancel([number])
            return Completion(number, error=f"vLLM gave the request up ({', '.join(sorted(reasons))})")
        row.prompt_tokens += len(output.prompt_token_ids) - scored
        if not scored:
            del self._rows[number]
            texts = tuple(sample.text for sample in output.outputs)
            reason = "length" if "length" in reasons else "stop"
            return Completion(number, Response(texts, None, None, row.prompt_tokens, tokens, reason))
        row.output_tokens += scored
        edges = read_edges(Reading.PLAIN, output.prompt_token_ids[-scored:], output)
        for edge in edges:
            if edge is not None:  # never in the plain reading
                row.logprob += edge.logprob
                row.is_greedy &= edge.is_greedy
        if row.parts:
            return None
        del self._rows[number]
        return Completion(number, Response((), row.logprob, row.is_greedy, row.prompt_tokens, row.output_tokens))

    def cancel(self, rows: Collection[int]) -> None:
        """Drops rows; vLLM stops working on them."""
        names = [name for row in rows if row in self._rows for name in self._rows.pop(row).parts]
        for name in names:
            del self._parts[name]
        if names:
            self._engine.abort_request(names)
        self._refused += self._scorer.cancel(rows)

    def counters(self) -> dict[str, float]:
        """Returns what was counted: steps, requests, tokens (in the prompt, of these cached, out), images processed."""
        stats = self._renderer.stat_mm_cache()
        if stats is not None:
            self._counters["images_processed"] += stats.queries - stats.hits
        return self._counters | self._scorer.counters()

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
