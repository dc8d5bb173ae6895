"""Loads a checkpoint into a vLLM engine: arguments checked before any weight is read, failures as one clear line."""

from __future__ import annotations

import dataclasses
import gc
import logging
import os
from typing import TYPE_CHECKING, Any

from fasteval.errors import CheckpointError, EngineError, FastEvalError, UsageError, check_names
from fasteval.models.checkpoint.find import read_json
from fasteval.models.engine_config import ALONE
from fasteval.models.host.environment import HOSTS_HERE
from fasteval.models.vllm.distribution import is_cpu_build
from fasteval.models.vllm.kv_cache import cpu_cache_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fasteval.models.engine_config import EngineConfig

__all__ = ["load_engine"]

logger = logging.getLogger(__name__)

_PROCESSED_MEDIA_GB = 0.3


def load_engine(config: EngineConfig) -> Any:
    """Returns vLLM's `LLMEngine` with the checkpoint loaded.

    Raises:
        UnknownNameError: an argument that vLLM does not have.
        UsageError: an argument's value that vLLM refuses.
        CheckpointError: the checkpoint cannot be loaded.
        EngineError: there is not enough memory.
    """
    from vllm.engine.arg_utils import EngineArgs
    from vllm.usage.usage_lib import UsageContext
    from vllm.v1.engine.llm_engine import LLMEngine

    # Imports are never garbage. vLLM collects it five times while it loads, and would look at all of them each time.
    gc.freeze()
    names = [field.name for field in dataclasses.fields(EngineArgs)]
    check_names("model argument", config.arguments, names, "vLLM has no engine argument of that name")
    if is_cpu_build():
        _register_model_class(config.checkpoint)
    try:
        arguments = EngineArgs(**_arguments(config))
        return LLMEngine.from_engine_args(arguments, usage_context=UsageContext.LLM_CLASS)
    except FastEvalError:
        raise
    except Exception as error:
        raise _explain(error, config) from error


def _arguments(config: EngineConfig) -> dict[str, Any]:
    """Returns vLLM's arguments: ours where the user names none."""
    ours: dict[str, Any] = {
        "model": str(config.checkpoint),
        "dtype": config.dtype,
        "seed": config.seed,
        "enable_prefix_caching": True,
        "disable_log_stats": True,
        # The 4 GiB of vLLM's own default fill with pictures that nobody asks for again: in a run all questions about
        # one stand side by side. This holds some thousand small ones for the next task about the same.
        "mm_processor_cache_gb": _PROCESSED_MEDIA_GB,
        "worker_extension_cls": "fasteval.models.vllm.worker_extension.WorkerExtension",
    }
    if config.max_model_len is not None:
        ours["max_model_len"] = config.max_model_len
    if is_cpu_build():
        from fasteval.models.vllm.cpu_kernels import KERNELS_FIRST

        # 128, the default on CPU, would keep short prompts from ever hitting the prefix cache.
        ours |= {"enforce_eager": True, "block_size": 32, "ir_op_priority": KERNELS_FIRST}
        if not os.environ.get("VLLM_CPU_KVCACHE_SPACE"):
            ours["kv_cache_memory_bytes"] = cpu_cache_bytes(config, _engine_memory())
        if config.deterministic:
            ours |= ALONE  # there are no batch-invariant kernels for CPUs
    return ours | config.arguments


def _engine_memory() -> int:
    """Returns the bytes that this engine may take on CPU.

    vLLM lets itself take what one memory node has left, be there more or not; replicas share it.
    """
    from vllm.utils.cpu_resource_utils import get_allowed_cpu_list, get_memory_node_info

    left = int(get_memory_node_info(get_allowed_cpu_list()[0].numa_node).available_memory)
    return left // int(os.environ.get(HOSTS_HERE, "1"))


def _register_model_class(checkpoint: Path) -> None:
    """Registers the checkpoint's model class from within this process.

    vLLM would look at the class in a fresh subprocess: ten seconds, without the repair of `torchvision_repair`. What
    cannot be registered like this is left to vLLM.
    """
    from vllm import ModelRegistry

    for architecture in read_json(checkpoint / "config.json").get("architectures") or ():
        entry = ModelRegistry.models.get(architecture)
        if entry is None:
            continue
        try:
            ModelRegistry.register_model(architecture, entry.load_model_cls())
        except Exception as error:  # noqa: BLE001 - a model's module may fail in any way; vLLM's own way remains
            logger.debug("%s is left to vLLM's own inspection: %s", architecture, error)


def _explain(error: Exception, config: EngineConfig) -> FastEvalError:
    """Returns the error that tells the user what to do about `error`."""
    line = next(_sentences(error), type(error).__name__)
    if isinstance(error, MemoryError) or "memory" in line.lower():
        return EngineError(f"not enough memory for {config.checkpoint}: {line}")
    if "ValidationError" in type(error).__name__ and config.arguments:
        given = ", ".join(f"{name}={value}" for name, value in config.arguments.items())
        return UsageError(f"vLLM refuses the model arguments ({given}): {line}")
    return CheckpointError(f"{config.checkpoint} cannot be loaded: {line}")


def _sentences(error: Exception) -> Iterator[str]:
    """Yields the lines of an error that say something; pydantic puts a heading before them."""
    for line in str(error).splitlines():
        stripped = line.strip()
        if stripped and "validation error" not in stripped:
            yield stripped.removeprefix("Value error, ").partition(" [type=")[0]
