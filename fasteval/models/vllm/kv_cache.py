"""How much memory a CPU engine's key-value cache may take, and how long a sequence may be for it to fit."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.models.checkpoint.find import read_json

if TYPE_CHECKING:
    from fasteval.models.engine_config import EngineConfig

__all__ = ["available_memory", "bytes_per_token", "cpu_cache_bytes", "fit_to_memory", "total_memory"]

logger = logging.getLogger(__name__)

_GIB = 1 << 30
# Enough to keep as many sequences going as vLLM schedules at a time on CPU (256), at 2048 tokens each.
_PLENTY_OF_TOKENS = 256 * 2048
# vLLM, torch and the activations of one step.
_RESERVE = 2 * _GIB


def available_memory() -> int:
    """Returns the bytes that this machine could give a new process now; 0 where nothing tells."""
    return _meminfo("MemAvailable")


def total_memory() -> int:
    """Returns the bytes of this machine's memory; 0 where nothing tells."""
    return _meminfo("MemTotal")


def _meminfo(field: str) -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    kibibytes = next((line.split()[1] for line in lines if line.startswith(f"{field}:")), "0")
    return int(kibibytes) * 1024


def bytes_per_token(config: dict[str, Any], dtype: str = "auto") -> int | None:
    """Returns what one token costs in the key-value cache, or None if the configuration does not say.

    Args:
        config: the checkpoint's `config.json`.
        dtype: as in `EngineConfig`.
    """
    text: dict[str, Any] = config.get("text_config") or config
    heads = text.get("num_attention_heads")
    layers, hidden = text.get("num_hidden_layers"), text.get("hidden_size")
    if not (heads and layers and hidden):
        return None
    head_size = text.get("head_dim") or hidden // heads
    kv_heads = text.get("num_key_value_heads") or heads
    return int(2 * layers * kv_heads * head_size * _element_size(config, text, dtype))


def _element_size(config: dict[str, Any], text: dict[str, Any], dtype: str) -> int:
    if dtype == "auto":
        dtype = str(config.get("dtype") or config.get("torch_dtype") or text.get("dtype") or "bfloat16")
    return 4 if dtype == "float32" else 2


def cpu_cache_bytes(config: EngineConfig, available: int | None = None) -> int:
    """Returns the size to give the cache on this machine: plenty if there is room, else half of what is left.

    Args:
        config: the engine's.
        available: bytes that the engine may take; None for all that the machine could give.
    """
    model = read_json(config.checkpoint / "config.json")
    cost = bytes_per_token(model, config.dtype)
    wanted = 4 * _GIB if cost is None else cost * max(_PLENTY_OF_TOKENS, _length(model, config) or 0)
    free = available_memory() if available is None else min(available, available_memory())
    left = max(free - _weights(config, model) - _RESERVE, 0) // 2
    return max(min(wanted, left), 64 << 20)


def fit_to_memory(config: EngineConfig) -> EngineConfig:
    """Returns the configuration with `max_model_len` lowered where a sequence of full length could not be cached.

    Decided by the machine's whole memory and not by what happens to be free: the limit is part of the fingerprint.
    """
    model = read_json(config.checkpoint / "config.json")
    cost, length, total = bytes_per_token(model, config.dtype), _length(model, config), total_memory()
    if config.max_model_len is not None or cost is None or length is None or not total:
        return config
    fitting = max(total - _weights(config, model) - _RESERVE, 0) // 2 // cost // 256 * 256
    if fitting >= length or fitting == 0:
        return config
    logger.warning(
        "max_model_len lowered from %d to %d: a longer sequence does not fit this machine's memory", length, fitting
    )
    return dataclasses.replace(config, max_model_len=fitting)


def _length(model: dict[str, Any], config: EngineConfig) -> int | None:
    own = (model.get("text_config") or model).get("max_position_embeddings")
    return config.max_model_len or own


def _weights(config: EngineConfig, model: dict[str, Any]) -> int:
    """Returns the bytes of the weights as they will be in memory."""
    stored = sum(path.stat().st_size for path in config.checkpoint.glob("*.safetensors"))
    stored = stored or sum(path.stat().st_size for path in config.checkpoint.glob("*.bin"))
    widens = config.dtype == "float32" and _element_size(model, model, "auto") == 2
    return stored * 2 if widens else stored
