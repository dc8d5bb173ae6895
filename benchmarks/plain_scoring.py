"""Log-likelihoods from vLLM the plain way, at its best: one `prompt_logprobs` request a choice, all sent together."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from fasteval.models.host.environment import host_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["restart_in_host_environment", "score_plainly"]

_MARK = "FASTEVAL_BENCHMARK_HOST"


def restart_in_host_environment() -> None:
    """Starts this program anew with the environment that an engine needs, unless it has it already."""
    if os.environ.get(_MARK) != "1":
        environment = host_environment(os.environ) | {_MARK: "1"}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606 - this very program


def score_plainly(engine: Any, prompts: Sequence[Any], scored: Sequence[int]) -> list[tuple[float, bool]]:
    """Returns the summed log-probability of each prompt's last tokens, and whether each was the likeliest.

    Args:
        engine: vLLM's `LLMEngine`, with nothing in hand.
        prompts: rendered prompts, context and continuation together.
        scored: how many tokens at each prompt's end belong to the continuation.
    """
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    for number, prompt in enumerate(prompts):
        params = SamplingParams(
            temperature=0.0,
            max_tokens=1,
            prompt_logprobs=1,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        engine.add_request(f"plain-{number}", prompt, params)
    scores: list[tuple[float, bool]] = [(0.0, False)] * len(prompts)
    while engine.has_unfinished_requests():
        for output in engine.step():
            number = int(output.request_id.removeprefix("plain-"))
            scores[number] = _score(output, scored[number])
    return scores


def _score(output: Any, count: int) -> tuple[float, bool]:
    total, is_greedy = 0.0, True
    for token, row in zip(output.prompt_token_ids[-count:], output.prompt_logprobs[-count:], strict=True):
        total += row[token].logprob
        is_greedy &= max(row.values(), key=lambda entry: entry.logprob).logprob == row[token].logprob
    return total, is_greedy
