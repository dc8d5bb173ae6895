"""Fingerprints: what identifies a model for the cache. Equal fingerprints mean equal answers, on any machine."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import xxhash

from fasteval.cache.folder import make_private, write_whole
from fasteval.errors import CheckpointError
from fasteval.media import DEFAULT_FRAMES
from fasteval.models.vllm.distribution import distribution_version, vllm_distribution

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fasteval.models.engine_config import EngineConfig

__all__ = ["checkpoint_digest", "checkpoint_files", "engine_fingerprint", "fingerprint_of", "fingerprint_parts"]

# Raise it when the form changes, and no old answer is mistaken for a new one.
_FORM = b"fingerprint-1"
_SUFFIXES = frozenset(
    {".json", ".jinja", ".txt", ".model", ".tiktoken", ".py", ".safetensors", ".bin", ".pt", ".pth", ".gguf"}
)
# What training leaves beside the weights.
_BESIDES = ("optimizer", "scheduler", "scaler", "rng_state", "trainer_state", "training_args", "README")
_LARGE = 1 << 20
# A file may change twice within one tick of its time stamp: only what has rested for a while is remembered.
_REST_NS = 2_000_000_000

# Arguments that change how fast an answer comes, where it is computed and what is logged on the way, never what it
# is (rounding apart, which no run of two different batches shares). Whatever is not named here counts as decisive:
# an argument that a later vLLM adds costs a needless cache miss, never a wrong hit.
_NEUTRAL = frozenset(
    {
        # Where the weights come from, and how they are read.
        "load_format", "download_dir", "safetensors_load_strategy", "safetensors_prefetch_num_threads",
        "safetensors_prefetch_block_size", "max_parallel_loading_workers", "model_loader_extra_config",
        "ignore_patterns", "hf_token", "served_model_name", "allowed_local_media_path", "allowed_media_domains",
        # Parallelism and placement.
        "tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size", "data_parallel_rank",
        "data_parallel_size_local", "data_parallel_address", "data_parallel_rpc_port", "data_parallel_backend",
        "distributed_executor_backend", "nnodes", "node_rank", "master_addr", "master_port", "device_ids",
        "distributed_timeout_seconds", "numa_bind", "numa_bind_nodes", "numa_bind_cpus", "enable_expert_parallel",
        "mm_encoder_tp_mode", "disable_custom_all_reduce", "ray_workers_use_nsight", "device", "device_map",
        # Memory.
        "block_size", "gpu_memory_utilization", "kv_cache_memory_bytes", "num_gpu_blocks_override",
        "cpu_offload_gb", "swap_space", "offload_backend", "enable_sleep_mode", "mm_processor_cache_gb",
        "mm_processor_cache_type", "mm_shm_cache_max_object_size_mb", "skip_mm_profiling",
        # Batching, scheduling and caching.
        "max_num_seqs", "max_num_batched_tokens", "max_num_scheduled_tokens", "long_prefill_token_threshold",
        "enable_chunked_prefill", "disable_chunked_mm_input", "enable_prefix_caching", "prefix_caching_hash_algo",
        "scheduling_policy", "async_scheduling", "mm_hasher_algorithm", "renderer_num_workers",
        # Compilation, as opposed to numerics.
        "enforce_eager", "compilation_config", "cudagraph_capture_sizes", "max_cudagraph_capture_size",
        # Logs and statistics.
        "disable_log_stats", "log_level", "log_config_file", "logging_config", "otlp_traces_endpoint",
        "collect_detailed_traces", "kv_cache_metrics", "cudagraph_metrics", "enable_mm_processor_stats",
        "profiler_config", "show_hidden_metrics_for_version", "enable_layerwise_nvtx_tracing",
        # Trusting code is a question of safety; the code itself is part of the checkpoint's digest.
        "trust_remote_code",
    }
)  # fmt: skip

# Arguments that may name a folder whose contents decide, and not its name.
_PATHS = frozenset({"tokenizer", "hf_config_path", "generation_config", "processor"})


def engine_fingerprint(config: EngineConfig, cache_folder: Path | None = None) -> str:
    """Returns 32 hex digits for an engine; see `fingerprint_parts`."""
    return fingerprint_of(fingerprint_parts(config, cache_folder))


def fingerprint_of(parts: Mapping[str, Any]) -> str:
    """Returns 32 hex digits that differ wherever one of the parts does."""
    return xxhash.xxh3_128_hexdigest(_FORM + orjson.dumps(parts, option=orjson.OPT_SORT_KEYS, default=str))


def fingerprint_parts(config: EngineConfig, cache_folder: Path | None = None) -> dict[str, Any]:
    """Returns what tells an engine from others: kind and version, the checkpoint, and every argument that can matter.

    Args:
        config: the engine.
        cache_folder: where digests of large files are remembered between runs; None remembers nothing.

    Raises:
        CheckpointError: the checkpoint cannot be read.
    """
    arguments = {
        name: _argument(name, value, cache_folder)
        for name, value in config.arguments.items()
        if name not in _NEUTRAL and value is not None
    }
    if config.frames != DEFAULT_FRAMES:
        arguments["frames"] = config.frames.to_text()
    return {
        "backend": config.backend,
        "engine": vllm_distribution() if config.backend == "vllm" else None,
        "transformers": distribution_version("transformers"),
        "torch": distribution_version("torch"),
        "checkpoint": checkpoint_files(config.checkpoint, cache_folder),
        "dtype": config.dtype,
        # Decides where an answer without a limit of its own is cut, and the windows of a rolling log-likelihood.
        "max_model_len": config.max_model_len,
        "arguments": arguments,
        "rendering": config.rendering,
        "deterministic": config.deterministic,
    }


def _argument(name: str, value: Any, cache_folder: Path | None) -> Any:
    if name in _PATHS and isinstance(value, str) and Path(value).is_dir():
        return checkpoint_digest(Path(value), cache_folder)
    return value


def checkpoint_digest(folder: Path, cache_folder: Path | None = None) -> str:
    """Returns 32 hex digits for what a checkpoint says: configuration, tokenizer, templates, code and weights.

    Its name and place do not matter, nor do files that no engine reads.

    Args:
        folder: the checkpoint.
        cache_folder: where digests of large files are remembered between runs; None remembers nothing.

    Raises:
        CheckpointError: a file cannot be read, or there is none.
    """
    hasher = xxhash.xxh3_128(_FORM)
    for entry in checkpoint_files(folder, cache_folder).items():
        hasher.update(orjson.dumps(entry))
    return hasher.hexdigest()


def checkpoint_files(folder: Path, cache_folder: Path | None = None) -> dict[str, str]:
    """Returns the digest of each file that `checkpoint_digest` looks at, by name, sorted.

    Raises:
        CheckpointError: a file cannot be read, or there is none.
    """
    memory = _Memory(cache_folder)
    try:
        files = {name: memory.digest(folder / name) for name in sorted(_files(folder))}
    except OSError as error:
        raise CheckpointError(f"the checkpoint cannot be read: {error}") from error
    if not files:
        raise CheckpointError(f"{folder} has no files of a checkpoint")
    memory.save()
    return files


def _files(folder: Path) -> Iterator[str]:
    """Yields the names of the files that an engine reads, relative to the folder."""
    for path in [*folder.iterdir(), *folder.glob("additional_chat_templates/*")]:
        if path.suffix in _SUFFIXES and not path.name.startswith((".", *_BESIDES)) and path.is_file():
            yield path.relative_to(folder).as_posix()


class _Memory:
    """Digests of large files, remembered by what changes whenever a file's contents do."""

    def __init__(self, cache_folder: Path | None) -> None:
        self._path = None if cache_folder is None else cache_folder / "digests.json"
        self._known: dict[str, str] = {}
        self._is_changed = False
        if self._path is not None and self._path.is_file():
            try:
                self._known = orjson.loads(self._path.read_bytes())
            except orjson.JSONDecodeError:
                self._known = {}  # half a file costs a second look at the weights, nothing else

    def digest(self, path: Path) -> str:
        """Returns the xxh3-128 of a file's contents."""
        real = path.resolve()
        status = real.stat()
        key = orjson.dumps([str(real), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]).decode()
        if key in self._known:
            return self._known[key]
        with real.open("rb") as file:
            digest = hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()  # type: ignore[arg-type]  # has what it uses
        if status.st_size >= _LARGE and time.time_ns() - status.st_ctime_ns > _REST_NS and real.stat() == status:
            self._known[key] = digest
            self._is_changed = True
        return digest

    def save(self) -> None:
        """Writes what is new; a failure costs time at the next run, not this run."""
        if self._path is None or not self._is_changed:
            return
        make_private(self._path.parent)
        write_whole(self._path, orjson.dumps(self._known))
