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
    problems = _problems(requirements, None)
    status = Status.FAULT if problems else Status.FINE
    mend = "pip install --upgrade " + " ".join(f"'{_plain(entry)}'" for entry, _ in problems) if problems else ""
    yield Finding("packages", "fasteval", status, _sentence(version, problems), mend, _versions(requirements, None))
    for extra, purpose in _PURPOSES.items():
        problems = _problems(requirements, extra)
        status = Status.LACK if problems else Status.FINE
        text = _sentence(f"for {purpose}", problems)
        mend = f"pip install 'fasteval[{extra}]'" if problems else ""
        yield Finding("packages", f"fasteval[{extra}]", status, text, mend, _versions(requirements, extra))


def _of_extra(requirements: list[Requirement], extra: str | None) -> Iterator[Requirement]:
    for requirement in requirements:
        found = _EXTRA.search(str(requirement.marker or ""))
        if (found[1] if found else None) == extra and _applies(requirement, extra):
            yield requirement


def _applies(requirement: Requirement, extra: str | None) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra or ""})


def _problems(requirements: list[Requirement], extra: str | None) -> list[tuple[Requirement, str]]:
    """Returns what is missing or of a wrong version, with the reason."""
    problems = []
    for requirement in _of_extra(requirements, extra):
        version = distribution_version(requirement.name)
        if version is None:
            problems.append((requirement, f"{requirement.name} is not installed"))
        elif not requirement.specifier.contains(version, prereleases=True):
            problems.append((requirement, f"{requirement.name} {version} is not {requirement.specifier}"))
    return problems


def _sentence(beginning: str, problems: list[tuple[Requirement, str]]) -> str:
    return "; ".join([beginning, *(reason for _, reason in problems)])


def _plain(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"


def _versions(requirements: list[Requirement], extra: str | None) -> dict[str, str | None]:
    return {entry.name: distribution_version(entry.name) for entry in _of_extra(requirements, extra)}
