"""`WorkerExtension`: what vLLM's workers get from fasteval, in whichever process they run."""

from __future__ import annotations

import importlib

from fasteval.models.vllm.distribution import is_cpu_build
from fasteval.models.vllm.unwritten import UnwrittenRows

__all__ = ["WorkerExtension"]

# vLLM imports this module in each worker, before the worker makes its model.
if is_cpu_build():
    importlib.import_module("fasteval.models.vllm.cpu_kernels")


class WorkerExtension(UnwrittenRows):
    """Named in vLLM's `worker_extension_cls`."""
