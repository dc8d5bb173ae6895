"""What is installed: Python, the packages that fasteval needs, and those of each extra."""

from __future__ import annotations

import importlib.metadata
import platform
import re
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from fasteval.doctor.finding import Finding, Status
from fasteval.models.vllm.distribution import distribution_version

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["examine_packages"]

_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")
#: Extras that evaluations use, and what for. The engines are looked at by themselves; others are for developers.
_PURPOSES = {
    "demo": "the demo model's task easy_vqa",
    "metrics": "the metrics bleu, chrf and ter",
}


def examine_packages() -> Iterator[Finding]:
    """Yields findings about Python, fasteval with its requirements, and the extras."""
    yield Finding("packages", "python", Status.FINE, platform.python_version())
    try:
        requirements = [Requirement(text) for text in importlib.metadata.requires("fasteval") or ()]
        version = importlib.metadata.version("fasteval")
    except importlib.metadata.PackageNotFoundError:
        text = "runs from its folder, without being installed: what it needs is not known"
        yield Finding("packages", "fasteval", Status.LACK, text, "pip install -e '.[cpu]'")
        return
    for extra, beginning in ((None, version), *((extra, f"for {purpose}") for extra, purpose in _PURPOSES.items())):
        own = [requirement for requirement in requirements if _belongs(requirement, extra)]
        problems = _problems(own)
        status = Status.FINE if not problems else Status.FAULT if extra is None else Status.LACK
        text = "; ".join([beginning, *(reason for _, reason in problems)])
        mend = f"pip install 'fasteval[{extra}]'"
        if extra is None:
            mend = "pip install --upgrade " + " ".join(f"'{entry.name}{entry.specifier}'" for entry, _ in problems)
        versions = {entry.name: distribution_version(entry.name) for entry in own}
        name = "fasteval" if extra is None else f"fasteval[{extra}]"
        yield Finding("packages", name, status, text, mend if problems else "", versions)


def _belongs(requirement: Requirement, extra: str | None) -> bool:
    """Whether an extra (or fasteval itself, for None) needs a package on this machine."""
    marker = requirement.marker
    found = _EXTRA.search(str(marker or ""))
    applies = marker is None or marker.evaluate({"extra": extra or ""})
    return (found[1] if found else None) == extra and applies


def _problems(requirements: list[Requirement]) -> list[tuple[Requirement, str]]:
    """Returns what is missing or of a wrong version, with the reason."""
    problems = []
    for requirement in requirements:
        version = distribution_version(requirement.name)
        if version is None:
            problems.append((requirement, f"{requirement.name} is not installed"))
        elif not requirement.specifier.contains(version, prereleases=True):
            problems.append((requirement, f"{requirement.name} {version} is not {requirement.specifier}"))
    return problems
