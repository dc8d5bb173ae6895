"""vLLM's RMSNorm kernels that fasteval registers on CPU, in a process of their own as vLLM wants it."""

from __future__ import annotations

import os
import subprocess
import sys

import orjson
import pytest

from fasteval.models.host.environment import host_environment
from fasteval.models.vllm.distribution import is_cpu_build

pytestmark = pytest.mark.skipif(not is_cpu_build(), reason="the kernels serve vLLM's build for CPUs")

_PROGRAM = """
from fasteval.models.torchvision_repair import repair_torchvision
repair_torchvision()
import json, torch
from vllm.platforms import current_platform
current_platform.import_kernels()
import fasteval.models.vllm.cpu_kernels
from vllm import ir

def largest_difference(dtype, width, operation):
    torch.manual_seed(0)
    values, rest, weight = (torch.randn(*shape, dtype=dtype) for shape in ((7, width), (7, width), (width,)))
    given = (values, rest, weight, 1e-5) if operation == "fused_add_rms_norm" else (values, weight, 1e-5)
    implementations = getattr(ir.ops, operation).impls
    outputs = []
    for provider in ("native", "fasteval_cpu"):
        made = implementations[provider].impl_fn(*[one.clone() if torch.is_tensor(one) else one for one in given])
        outputs.append(made if isinstance(made, tuple) else (made,))
    return max(float((a.double() - b.double()).abs().max()) for a, b in zip(*outputs, strict=True))

def takes(values, weight, **more):
    return ir.ops.rms_norm.impls["fasteval_cpu"].supports_args(values, weight, 1e-5, **more)

weight = torch.ones(32)
print(json.dumps({
    "differences": [
        [operation, str(dtype), width, largest_difference(dtype, width, operation)]
        for operation in ("rms_norm", "fused_add_rms_norm")
        for dtype in (torch.float32, torch.bfloat16)
        for width in (16, 64, 576)
    ],
    "takes": {
        "rows": takes(torch.ones(3, 32), weight),
        "no weight": takes(torch.ones(3, 32), None),
        "strided": takes(torch.ones(3, 64)[:, :32], weight),
        "odd width": takes(torch.ones(3, 24), torch.ones(24)),
        "another dtype": takes(torch.ones(3, 32, dtype=torch.bfloat16), weight),
        "part of the row": takes(torch.ones(3, 32), weight, variance_size=16),
    },
}))
"""


def test_the_kernels_are_the_native_norms_to_the_last_digits_and_take_what_they_can_compute() -> None:
    environment = host_environment(os.environ)
    command = [sys.executable, "-c", _PROGRAM]
    result = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr.decode()[-2000:]
    told = orjson.loads(result.stdout.splitlines()[-1])

    tolerances = {"torch.float32": 2e-6, "torch.bfloat16": 0.04}  # one step of bf16 between 4 and 8
    assert [] == [row for row in told["differences"] if row[3] > tolerances[row[1]]]
    assert told["takes"] == {
        "rows": True,
        "no weight": True,
        "strided": False,
        "odd width": False,
        "another dtype": False,
        "part of the row": False,
    }
