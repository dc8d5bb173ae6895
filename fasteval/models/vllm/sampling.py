"""Generation options as vLLM's `SamplingParams`; one that vLLM would drop or bend is an error."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from fasteval.errors import UnsupportedError

if TYPE_CHECKING:
    from fasteval.models.sampling import SamplingParameters

__all__ = ["generation_params", "probe_params", "scoring_params"]

# vLLM raises a lower temperature to this one, with a warning.
_LOWEST_TEMPERATURE = 0.01
_HIGHEST_TEMPERATURE = 2.0


def generation_params(sampling: SamplingParameters, seed: int | None, room: int) -> Any:
    """Returns the `SamplingParams` of one generating request.

    Args:
        sampling: the options in canonical form.
        seed: the request's seed; a seed in the options comes first.
        room: how many tokens fit behind the prompt; `max_tokens` is lowered to it.

    Raises:
        UnsupportedError: vLLM cannot honour an option.
    """
    seed = seed if sampling.seed is None else sampling.seed
    # 63 bits: samples of one request get seed, seed + 1, …, which must not run over.
    seed = None if sampling.is_greedy or seed is None else seed % (1 << 63)
    return _generation_params(sampling, seed, min(sampling.max_tokens, room))


@functools.lru_cache(maxsize=64)
def _generation_params(sampling: SamplingParameters, seed: int | None, max_tokens: int) -> Any:
    """Returns one object for all requests of a group: vLLM copies it before it writes anything into it."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    if 0 < sampling.temperature < _LOWEST_TEMPERATURE:
        raise UnsupportedError(
            f"temperature={sampling.temperature} is not supported by vLLM: "
            f"0 is greedy, and {_LOWEST_TEMPERATURE} the lowest above it"
        )
    if sampling.temperature > _HIGHEST_TEMPERATURE:
        raise UnsupportedError(
            f"temperature={sampling.temperature} is not supported by vLLM: {_HIGHEST_TEMPERATURE} is the highest"
        )
    try:
        return SamplingParams(
            n=sampling.n,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            min_p=sampling.min_p,
            repetition_penalty=sampling.repetition_penalty,
            presence_penalty=sampling.presence_penalty,
            frequency_penalty=sampling.frequency_penalty,
            min_tokens=min(sampling.min_tokens, max_tokens),
            max_tokens=max_tokens,
            stop=list(sampling.stop),
            seed=seed,
            output_kind=RequestOutputKind.FINAL_ONLY,
            skip_clone=True,
        )
    except ValueError as error:
        raise UnsupportedError(f"vLLM cannot honour the generation options: {error}") from error


# Requests share these objects: vLLM fills in copies of its own.
@functools.cache
def scoring_params(*, reads_cache: bool = False) -> Any:
    """Returns the `SamplingParams` that give the log-probabilities of each prompt token and of the likeliest there.

    Args:
        reads_cache: whether the prefix cache may serve the prompt's beginning, whose rows are then not computed.
    """
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        temperature=0.0,
        max_tokens=1,
        prompt_logprobs=1,
        skip_reading_prefix_cache=not reads_cache,
        flat_logprobs=True,
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
        skip_clone=True,
    )


@functools.lru_cache(maxsize=1024)
def probe_params(tokens: tuple[int, ...]) -> Any:
    """Returns the `SamplingParams` that give the log-probabilities of `tokens` and the greedy token behind a prompt."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        temperature=0.0,
        max_tokens=1,
        logprob_token_ids=list(tokens),
        flat_logprobs=True,
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
        skip_clone=True,
    )
