"""`HFBackend`: one request at a time through transformers, in fp32: slow, simple, the reference to compare with."""

from __future__ import annotations

import inspect
from collections import deque
from typing import TYPE_CHECKING, Any

from fasteval.api.request import Completion, Kind, Response
from fasteval.errors import CheckpointError, RequestError, UnsupportedError, check_names, first_line
from fasteval.media import DecodedVideo
from fasteval.models.checkpoint.find import read_json
from fasteval.models.host.tokenizer import PromptTokenizer
from fasteval.models.sampling import SamplingParameters

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from fasteval.models.engine_config import EngineConfig
    from fasteval.models.host.media_decoder import Decoded
    from fasteval.models.host.wire import HostRequest

__all__ = ["HFBackend"]

#: Arguments that transformers' `from_pretrained` is given, and the device.
_ARGUMENTS = ("attn_implementation", "device", "trust_remote_code")


class HFBackend:
    """A transformers model and the rows that wait for it."""

    capacity = 4
    outlives_process = False

    def __init__(self, config: EngineConfig) -> None:
        """Loads the checkpoint.

        Raises:
            UnknownNameError: an argument that this backend does not have.
            CheckpointError: the checkpoint cannot be loaded.
        """
        check_names("model argument", config.arguments, _ARGUMENTS, "of the hf engine")
        arguments = dict(config.arguments)
        self._device = arguments.pop("device", "cpu")
        try:
            self._takes_images = "vision_config" in read_json(config.checkpoint / "config.json")
            self._load(config, arguments)
        except Exception as error:
            raise CheckpointError(f"{config.checkpoint} cannot be loaded: {first_line(error)}") from error
        own = self._model.config.get_text_config().max_position_embeddings
        self._tokens = PromptTokenizer(self._tokenizer, (config.max_model_len or own) - 1)
        self._waiting: deque[tuple[HostRequest, tuple[Decoded, ...]]] = deque()
        self._counters = dict.fromkeys(("engine_steps", "requests", "prompt_tokens", "output_tokens"), 0.0)

    def _load(self, config: EngineConfig, arguments: dict[str, Any]) -> None:
        """Loads model, tokenizer and processor, with generation defaults that sample nothing by themselves."""
        import torch
        import transformers

        dtype = torch.float32 if config.dtype == "auto" else getattr(torch, config.dtype)
        kind = transformers.AutoModelForImageTextToText if self._takes_images else transformers.AutoModelForCausalLM
        model = kind.from_pretrained(config.checkpoint, dtype=dtype, **arguments)
        self._model: Any = model.to(self._device).eval()
        trust = {"trust_remote_code": True} if arguments.get("trust_remote_code") else {}
        self._processor: Any = None
        if self._takes_images:
            self._processor = transformers.AutoProcessor.from_pretrained(config.checkpoint, **trust)
            self._tokenizer = self._processor.tokenizer
        else:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(config.checkpoint, **trust)
        self._ends = _token_set(self._model.generation_config.eos_token_id, self._tokenizer.eos_token_id)
        pad = self._tokenizer.pad_token_id
        # The checkpoint's own temperature or penalties must not slip in where a task names none.
        self._model.generation_config = transformers.GenerationConfig(
            eos_token_id=sorted(self._ends) or None,
            pad_token_id=pad if pad is not None else next(iter(sorted(self._ends)), None),
            bos_token_id=self._tokenizer.bos_token_id,
        )

    @property
    def unfinished(self) -> int:
        """How many rows wait."""
        return len(self._waiting)

    def add(self, requests: Sequence[HostRequest], media: Sequence[Decoded]) -> list[Completion]:
        """Takes rows (see `Backend.add`), each by itself: what they share is computed as often as it is asked for."""
        for kind in sorted({medium.kind for medium in requests[0].media}):
            if not self._takes_images or kind == "audio":
                raise RequestError(f"this checkpoint, in transformers, takes no {kind}")
        sampling = requests[0].sampling
        if sampling is not None and (sampling.presence_penalty or sampling.frequency_penalty):
            raise UnsupportedError("presence_penalty and frequency_penalty are not supported by transformers")
        self._waiting += [(request, tuple(media)) for request in requests]
        self._counters["requests"] += len(requests)
        return []

    def step(self) -> list[Completion]:
        """Answers the row that has waited longest."""
        if not self._waiting:
            return []
        self._counters["engine_steps"] += 1
        request, media = self._waiting.popleft()
        try:
            response = self._answer(request, media)
        except RequestError as error:
            return [Completion(request.row, error=str(error))]
        self._counters["prompt_tokens"] += response.prompt_tokens
        self._counters["output_tokens"] += response.output_tokens if request.kind.generates else 0
        return [Completion(request.row, response)]

    def _answer(self, request: HostRequest, media: tuple[Decoded, ...]) -> Response:
        if request.kind.generates:
            return self._generate(request, media)
        if request.kind == Kind.LOGLIKELIHOOD_ROLLING:
            return self._roll(request)
        context, scored = self._tokens.pair(request.text, request.continuation, is_plain=request.is_plain)
        text = request.text + (request.continuation or "")
        return self._score(self._inputs(context + scored, text, media, is_plain=request.is_plain), len(scored))

    def _inputs(self, token_ids: list[int], text: str, media: tuple[Decoded, ...], *, is_plain: bool) -> dict[str, Any]:
        """Returns the model's keyword arguments; with media, the processor writes text and placeholders itself."""
        import torch

        if media:
            bos = self._tokenizer.bos_token
            special = is_plain and not (bos is not None and text.startswith(bos))
            try:
                batch = self._processor(text=[text], **_shown(media), add_special_tokens=special, return_tensors="pt")
            except MemoryError:
                raise
            except Exception as error:  # one document's media can break a processor in any way
                raise RequestError(f"the model's processor refuses the prompt: {first_line(error)}") from error
            inputs = dict(batch.to(self._device))
        else:
            ids = torch.tensor([token_ids], device=self._device, dtype=torch.long)
            inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        self._tokens.check_length(int(inputs["input_ids"].shape[1]))
        return inputs

    def _score(self, inputs: dict[str, Any], scored: int) -> Response:
        """Returns the log-probability of the last `scored` tokens, from one forward pass."""
        import torch

        keep = {}
        if "logits_to_keep" in inspect.signature(self._model.forward).parameters:
            keep["logits_to_keep"] = scored + 1
        with torch.inference_mode():
            logits = self._model(**inputs, **keep).logits[0, -scored - 1 : -1].float()
        targets = inputs["input_ids"][0, -scored:]
        rows = torch.log_softmax(logits, dim=-1)
        logprobs = rows.gather(1, targets[:, None])[:, 0]
        is_greedy = bool((logprobs >= rows.amax(dim=-1)).all())  # of two likeliest tokens both are: see `read_edges`
        prompt_tokens = int(inputs["input_ids"].shape[1]) - scored
        return Response((), float(logprobs.double().sum()), is_greedy, prompt_tokens, scored)

    def _roll(self, request: HostRequest) -> Response:
        parts = [
            self._score(self._inputs(context + scored, "", (), is_plain=False), len(scored))
            for context, scored in self._tokens.windows(request.text)
        ]
        return Response(
            (),
            sum(part.logprob or 0.0 for part in parts),
            all(part.is_greedy for part in parts),
            sum(part.prompt_tokens for part in parts),
            sum(part.output_tokens for part in parts),
        )

    def _generate(self, request: HostRequest, media: tuple[Decoded, ...]) -> Response:
        sampling = request.sampling or SamplingParameters()
        token_ids = self._tokens.prompt(request.text, is_plain=request.is_plain)
        inputs = self._inputs(token_ids, request.text, media, is_plain=request.is_plain)
        seed = sampling.seed_for(request.seed)
        length = int(inputs["input_ids"].shape[1])
        texts, tokens, reasons = [], 0, set()
        for number in range(sampling.n):
            sample_seed = None if seed is None else (seed + number) % (1 << 63)
            text, output_ids, reason = self._sample(inputs, sampling, sample_seed, self._tokens.longest + 1 - length)
            texts.append(text)
            tokens += len(output_ids)
            reasons.add(reason)
        return Response(tuple(texts), None, None, length, tokens, "length" if "length" in reasons else "stop")

    def _sample(
        self, inputs: dict[str, Any], sampling: SamplingParameters, seed: int | None, room: int
    ) -> tuple[str, list[int], str]:
        """Returns one answer: its text, its tokens, and why it ended."""
        import torch
        import transformers

        if seed is not None:
            torch.manual_seed(seed)
        max_tokens = min(sampling.max_tokens, room)
        options: dict[str, Any] = {
            "max_new_tokens": max_tokens,
            "min_new_tokens": min(sampling.min_tokens, max_tokens) or None,
            "repetition_penalty": sampling.repetition_penalty,
            "do_sample": not sampling.is_greedy,
        }
        if not sampling.is_greedy:
            options |= {name: getattr(sampling, name) for name in ("temperature", "top_p", "top_k")}
            options["min_p"] = sampling.min_p or None
        length = inputs["input_ids"].shape[1]

        def has_stopped(input_ids: Any, _scores: Any, **_: Any) -> Any:
            output = input_ids[0, length:]
            hit = len(output) >= sampling.min_tokens and _cut(self._decode(output, sampling), sampling.stop) is not None
            return torch.tensor([hit], device=input_ids.device)

        criteria = transformers.StoppingCriteriaList([has_stopped] if sampling.stop else [])
        with torch.inference_mode():
            output = self._model.generate(**inputs, **options, stopping_criteria=criteria)[0, length:]
        output_ids = [int(token) for token in output]
        text = self._decode(output_ids, sampling)
        cut = _cut(text, sampling.stop) if len(output_ids) >= sampling.min_tokens else None
        has_ended = cut is not None or (bool(output_ids) and output_ids[-1] in self._ends)
        return (text if cut is None else cut), output_ids, "stop" if has_ended else "length"

    def _decode(self, token_ids: Any, sampling: SamplingParameters) -> str:
        # As vLLM has it, the token that ends the answer is no part of it, whatever else is shown.
        shown = token_ids[:-1] if len(token_ids) and int(token_ids[-1]) in self._ends else token_ids
        return str(self._tokenizer.decode(shown, skip_special_tokens=sampling.skip_special_tokens))

    def cancel(self, rows: Collection[int]) -> None:
        """Drops rows that wait."""
        self._waiting = deque(entry for entry in self._waiting if entry[0].row not in rows)

    def counters(self) -> dict[str, float]:
        """Returns what was counted: steps, requests, tokens of prompts and answers."""
        return dict(self._counters)

    def reset_caches(self) -> None:
        """Has no caches."""

    def close(self) -> None:
        """Drops the model."""
        self._model = None


def _token_set(*token_ids: Any) -> set[int]:
    """Returns all ids in some values that are each an id, a list of ids or None."""
    found: set[int] = set()
    for value in token_ids:
        found |= set() if value is None else {value} if isinstance(value, int) else set(value)
    return found


def _cut(text: str, stop: tuple[str, ...]) -> str | None:
    """Returns the text before the first stop string, or None if there is none in it."""
    places = [place for place in (text.find(entry) for entry in stop) if place >= 0]
    return text[: min(places)] if places else None


def _shown(media: Sequence[Decoded]) -> dict[str, Any]:
    """Returns a processor's arguments for pictures and videos; no frames are chosen among the chosen ones."""
    videos = [item for item in media if isinstance(item, DecodedVideo)]
    pictures = [item for item in media if not isinstance(item, DecodedVideo)]
    shown: dict[str, Any] = {"images": pictures} if pictures else {}
    if videos:
        about = [
            {"total_num_frames": item.total, "fps": item.fps, "frames_indices": list(item.indices)} for item in videos
        ]
        shown |= {"videos": [item.frames for item in videos], "video_metadata": about, "do_sample_frames": False}
    return shown
