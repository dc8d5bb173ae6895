"""The GPUs of this machine, as their driver's own program says: without torch."""

from __future__ import annotations

import logging
import shutil
import subprocess

__all__ = ["gpu_names"]

_log = logging.getLogger(__name__)


def gpu_names() -> list[str]:
    """Returns name and memory of each GPU; empty where there is none, or no driver for it."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - fixed words
    except (OSError, subprocess.TimeoutExpired) as error:
        _log.warning("nvidia-smi does not answer: %s", error)
        return []
    return result.stdout.strip().splitlines() if result.returncode == 0 else []
