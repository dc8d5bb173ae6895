"""The engine settings that all programs of a comparison share. Imports nothing but the standard library by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["CHECKPOINT", "ENGINE", "IN_PROCESS", "prepare"]

CHECKPOINT = Path(__file__).parent.parent.parent / "fasteval" / "demo" / "checkpoint"

#: Arguments of vLLM: what fasteval chooses too, prefix caching included.
ENGINE: dict[str, Any] = {"enforce_eager": True, "enable_prefix_caching": True, "block_size": 32}

#: The engine in the process itself, no compilation, threads that sleep while they wait: everybody's fastest on a CPU.
IN_PROCESS = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "TORCH_COMPILE_DISABLE": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "VLLM_CPU_KVCACHE_SPACE": "4",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def prepare() -> None:
    """Lets vLLM load beside a torchvision that cannot, and spares it a look at the model's class in another process."""
    from fasteval.models.torchvision_repair import repair_torchvision
    from fasteval.models.vllm.amx import request_amx

    request_amx()
    repair_torchvision()
    from vllm import ModelRegistry
    from vllm.model_executor.models.qwen2_vl import Qwen2VLForConditionalGeneration

    ModelRegistry.register_model("Qwen2VLForConditionalGeneration", Qwen2VLForConditionalGeneration)
