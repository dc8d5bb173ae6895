"""Makes rows of vLLM's prompt log-probabilities that were never computed recognisable.

vLLM copies a prompt's log-probabilities, chunk by chunk, into a buffer that it makes when the request is first
scheduled. Where the prefix cache serves the prompt's beginning nothing is computed, and those rows of the buffer are
whatever the memory held. `num_cached_tokens` does not tell which: it is noted at the first scheduling, and a preempted
request may find a longer prefix in the cache when it comes back. So the buffer itself is made to tell: it begins with a
token id that no vocabulary has, and a row that has it still was not computed for this request.
"""

from __future__ import annotations

from typing import Any

__all__ = ["UNWRITTEN", "UnwrittenRows"]

#: Token id of a row that was not computed.
UNWRITTEN = -1


class UnwrittenRows:
    """What `worker_extension_cls` adds to vLLM's workers, in whichever process they run."""

    model_runner: Any

    def mark_unwritten_rows(self) -> bool:
        """Has this process fill new buffers with `UNWRITTEN`; returns whether this vLLM works as the module says.

        It is asked and not assumed: the other model runner, and a later version, have code of their own.
        """
        from vllm.v1 import outputs
        from vllm.v1.worker import gpu_model_runner

        expected = getattr(gpu_model_runner.GPUModelRunner, "_get_prompt_logprobs_dict", None)
        actual = getattr(type(self.model_runner), "_get_prompt_logprobs_dict", None)
        original = getattr(outputs.LogprobsTensors, "empty_cpu", None)
        names = getattr(getattr(actual, "__code__", None), "co_names", ())
        if actual is not expected or original is None or "empty_cpu" not in names:
            return False
        if gpu_model_runner.LogprobsTensors is not outputs.LogprobsTensors:
            return False
        if not getattr(original, "marks_unwritten", False):
            outputs.LogprobsTensors.empty_cpu = staticmethod(_marking(original))
        return True


def _marking(original: Any) -> Any:
    def empty_cpu(*args: Any, **kwargs: Any) -> Any:
        tensors = original(*args, **kwargs)
        tensors.logprob_token_ids.fill_(UNWRITTEN)
        return tensors

    empty_cpu.marks_unwritten = True  # type: ignore[attr-defined]  # so that a second engine does not wrap it again
    return empty_cpu
