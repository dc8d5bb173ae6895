"""Uses vLLM's own C++ kernels of RMSNorm, which its CPU build leaves alone because it counts on a compiler to fuse.

An evaluation on CPU is not compiled: it takes half a minute, which few runs repay. Uncompiled, vLLM normalises in eight
passes of torch over the activations, although its extension has a kernel that makes one. Importing this module
registers the kernels by vLLM's own means, as implementations of its operations. (The extension's kernel for SwiGLU is
not used: it is slower than torch's two passes.)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from vllm import ir

__all__ = ["KERNELS_FIRST"]

_PROVIDER = "fasteval_cpu"

#: vLLM's `ir_op_priority` under which the registered kernels are used wherever they fit.
KERNELS_FIRST = {name: [_PROVIDER, "native"] for name in ("rms_norm", "fused_add_rms_norm")}

#: The kernels go through a row in vectors of as many numbers.
_VECTOR = 16

_kernels: Any = torch.ops._C


# vLLM checks that an implementation, and what tells whether it takes the arguments, have the operation's parameters.
# ruff: noqa: ARG001


def _takes(x: Tensor, weight: Tensor | None, epsilon: float, variance_size: int | None = None) -> bool:
    same_dtype = weight is None or weight.dtype == x.dtype
    return variance_size is None and same_dtype and x.is_contiguous() and x.shape[-1] % _VECTOR == 0


def _takes_sum(
    x: Tensor, x_residual: Tensor, weight: Tensor | None, epsilon: float, variance_size: int | None = None
) -> bool:
    return _takes(x, weight, epsilon, variance_size) and x_residual.is_contiguous()


@ir.ops.rms_norm.register_impl(_PROVIDER, supports_args=_takes)  # type: ignore[untyped-decorator]  # vLLM's
def _rms_norm(x: Tensor, weight: Tensor | None, epsilon: float, variance_size: int | None = None) -> Tensor:
    normalised = torch.empty_like(x)
    _kernels.rms_norm(normalised, x, weight, epsilon)
    return normalised


@ir.ops.fused_add_rms_norm.register_impl(_PROVIDER, supports_args=_takes_sum, inplace=True)  # type: ignore[untyped-decorator]  # vLLM's
def _fused_add_rms_norm(
    x: Tensor, x_residual: Tensor, weight: Tensor | None, epsilon: float, variance_size: int | None = None
) -> tuple[Tensor, Tensor]:
    _kernels.fused_add_rms_norm(x, x_residual, weight, epsilon)
    return x, x_residual
