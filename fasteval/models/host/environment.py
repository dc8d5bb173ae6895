"""The environment variables of an engine host: set before it starts, since torch and vLLM read them at import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fasteval.models.vllm.distribution import is_cpu_build

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HOSTS_HERE", "host_environment"]

#: Says how many engine hosts share the memory that a host sees.
HOSTS_HERE = "FASTEVAL_HOSTS_HERE"

_ALWAYS = {
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",  # the checkpoint is a local folder by now; a look at the network would only wait
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
}
_ON_CPU = {
    # The engine in the host itself: three processes less to start, and nothing to copy between them.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    # enforce_eager does not keep the first prompt_logprobs request from half a minute of compilation.
    "TORCH_COMPILE_DISABLE": "1",
    # Threads that wait sleep. By default they spin, on the very cores that the front and the decoding threads need:
    # with anything else at work on the machine a run then took three times as long (docs/lab.md).
    "OMP_WAIT_POLICY": "PASSIVE",
}

# An engine is no member of the group that a launcher has made of the fronts, and must not take itself for one.
_OF_LAUNCHERS = frozenset(
    {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "ROLE_RANK", "MASTER_ADDR", "MASTER_PORT"}
)


def host_environment(base: Mapping[str, str], *, verbose: bool = False, deterministic: bool = False) -> dict[str, str]:
    """Returns `base` with what an engine host needs; what `base` sets already stays as it is, but for ranks.

    Args:
        base: usually `os.environ`.
        deterministic: whether vLLM shall use batch-invariant kernels (it refuses where a GPU has none).
        verbose: whether vLLM shall tell what it does.
    """
    ours = _ALWAYS | (_ON_CPU if is_cpu_build() else {})
    ours["VLLM_LOGGING_LEVEL"] = "INFO" if verbose else "ERROR"
    asked = {"VLLM_BATCH_INVARIANT": "1"} if deterministic and not is_cpu_build() else {}
    kept = {name: value for name, value in base.items() if name not in _OF_LAUNCHERS}
    return {**ours, **kept, **asked}
