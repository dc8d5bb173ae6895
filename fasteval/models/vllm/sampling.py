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
# Options that vLLM has under the same names.
_SAME = (
    "n", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty",
)  # fmt: skip
_SCORING = {"temperature": 0.0, "max_tokens": 1, "flat_logprobs": True, "detokenize": False}


def generation_params(sampling: SamplingParameters, seed: int | None, room: int) -> Any:
    """Returns the `SamplingParams` of one generating request.

    Args:
        sampling: the options in canonical form.
        seed: the request's seed; a seed in the options comes first.
        room: how many tokens fit behind the prompt; `max_tokens` is lowered to it.

    Raises:
        UnsupportedError: vLLM cannot honour an option.
    """
    seed = sampling.seed_for(seed)
    # 63 bits: samples of one request get seed, seed + 1, …, which must not run over.
    seed = None if seed is None else seed % (1 << 63)
    return _generation_params(sampling, seed, min(sampling.max_tokens, room))


@functools.lru_cache(maxsize=64)
def _generation_params(sampling: SamplingParameters, seed: int | None, max_tokens: int) -> Any:
    if not sampling.is_greedy and not _LOWEST_TEMPERATURE <= sampling.temperature <= _HIGHEST_TEMPERATURE:
        raise UnsupportedError(
            f"temperature={sampling.temperature} is not supported by vLLM: 0 is greedy, "
            f"and others lie between {_LOWEST_TEMPERATURE} and {_HIGHEST_TEMPERATURE}"
        )
    try:
        return _shared_params(
            **{name: getattr(sampling, name) for name in _SAME},
            min_tokens=min(sampling.min_tokens, max_tokens),
            max_tokens=max_tokens,
            stop=list(sampling.stop),
            skip_special_tokens=sampling.skip_special_tokens,
            seed=seed,
        )
    except ValueError as error:
        raise UnsupportedError(f"vLLM cannot honour the generation options: {error}") from error


def _shared_params(**options: Any) -> Any:
    """Returns an object that requests share: vLLM copies it before it writes anything into it."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(**options, output_kind=RequestOutputKind.FINAL_ONLY, skip_clone=True)


@functools.cache
def scoring_params(*, reads_cache: bool = False) -> Any:
    """Returns the `SamplingParams` that give the log-probabilities of each prompt token and of the likeliest there.

    Args:
        reads_cache: whether the prefix cache may serve the prompt's beginning, whose rows are then not computed.
    """
    return _shared_params(**_SCORING, prompt_logprobs=1, skip_reading_prefix_cache=not reads_cache)


@functools.lru_cache(maxsize=1024)
def probe_params(tokens: tuple[int, ...]) -> Any:
    """Returns the `SamplingParams` that give the log-probabilities of `tokens` and the greedy token behind a prompt."""
    return _shared_params(**_SCORING, logprob_token_ids=list(tokens))
