"""The program that imports what an engine host imports, in a process of its own, and says in JSON how that went."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from typing import Any

__all__ = ["main", "probe"]


def probe() -> dict[str, Any]:
    """Returns by package whether it can be imported as the engine host imports it, and what torch says of GPUs.

    Each entry is "fine", "absent", "repaired" (fasteval goes on without its compiled part), "hidden" (it goes on as if
    the package were absent), or the error.
    """
    from fasteval.models.torchvision_repair import repair_torchvision

    found: dict[str, Any] = {"torch": _import("torch")}
    if found["torch"] == "fine":
        found["torchvision"] = _torchvision(repair_torchvision)
        found["gpus"] = _gpus()
        found |= {name: _import(name) for name in ("transformers", "vllm")}
    return found


def _torchvision(repair: Any) -> str:
    state = _import("torchvision")
    if state not in ("fine", "absent"):
        for module in [module for module in sys.modules if module.partition(".")[0] == "torchvision"]:
            del sys.modules[module]
    repair()
    if state in ("fine", "absent"):
        return state
    return f"{'hidden' if sys.modules.get('torchvision') is None else 'repaired'}: {state}"


def _import(name: str) -> str:
    try:
        if importlib.util.find_spec(name) is None:
            return "absent"
        importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - packages raise all sorts of errors when something below them is missing
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return "fine"


def _gpus() -> list[dict[str, Any]]:
    """Returns name and memory in bytes of each GPU that torch can use."""
    import torch

    if not torch.cuda.is_available():
        return []
    devices = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    return [{"name": device.name, "memory": device.total_memory} for device in devices]


def main() -> None:
    """Prints what was found, on the last line: packages may print what they like before."""
    print("\n" + json.dumps(probe()))
