"""Which engine arguments can change an answer, and so belong to the fingerprint."""

from __future__ import annotations

__all__ = ["NEUTRAL_ARGUMENTS", "PATH_ARGUMENTS"]

#: Arguments that change how fast an answer comes, where it is computed and what is logged on the way, never what it
#: is (rounding apart, which no run of two different batches shares). Whatever is not named here counts as decisive:
#: an argument that a later vLLM adds costs a needless cache miss, never a wrong hit.
NEUTRAL_ARGUMENTS = frozenset(
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

#: Arguments that may name a folder whose contents decide, and not its name.
PATH_ARGUMENTS = frozenset({"tokenizer", "hf_config_path", "generation_config", "processor"})
