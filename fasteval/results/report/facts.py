"""What a report says of a run beside its scores and samples: headline figures, counters, settings and versions."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from fasteval.results.report.documents import Document, Status
from fasteval.results.report.duration import format_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fasteval.results.saved import SavedRun

__all__ = ["Tile", "counters", "date", "model_title", "run_facts", "tiles"]

_COUNTS = ("requests", "unique_requests", "cache_hits", "sent", "prompt_tokens", "output_tokens")
_NOTHING: tuple[Any, ...] = (None, {}, [], False, "")


class Tile(NamedTuple):
    """One headline figure.

    Attributes:
        value: as text.
        label: what it counts.
        note: what puts it into proportion.
        tone: "right", "wrong", "partly", "error", or "" for none.
    """

    value: str
    label: str
    note: str = ""
    tone: str = ""


def tiles(run: SavedRun, documents: Sequence[Document]) -> list[Tile]:
    """Returns the headline figures of a run."""
    throughput = run.facts.get("throughput") or {}
    in_tasks = f"in {len(run.tasks)} tasks" if len(run.tasks) > 1 else ""
    shown = [Tile(f"{len(documents) or _effective(run):,}", "documents", in_tasks)]
    if documents:
        counts = Counter(document.status for document in documents)
        scored = sum(counts[status] for status in (Status.RIGHT, Status.PARTLY, Status.WRONG))
        for status in (Status.RIGHT, Status.WRONG) if scored else ():
            share = f"{counts[status] / scored:.1%} of those scored"
            shown.append(Tile(f"{counts[status]:,}", status.value, share, status.value))
        truncated = sum(document.is_truncated for document in documents)
        shown.append(Tile(f"{truncated:,}", "truncated", "at the length limit", "partly" if truncated else ""))
        errors = counts[Status.ERROR]
        shown.append(Tile(f"{errors:,}", "errors", "left out of the scores", "error" if errors else ""))
    if throughput.get("wall_seconds"):
        rate = f"{throughput.get('requests_per_second', 0):,.0f} requests/s"
        shown.append(Tile(format_seconds(throughput["wall_seconds"]), "wall time", rate))
    return shown


def counters(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns name and text of everything that a run counted, the engine's own counters last."""
    throughput = facts.get("throughput") or {}
    counted = {name: throughput[name] for name in _COUNTS if name in throughput}
    # The engine counts some of the same things; what it never did says nothing.
    counted |= {
        name: value for name, value in sorted((facts.get("counters") or {}).items()) if value and name not in counted
    }
    shown = [
        (name.replace("_", " "), f"{value:,.0f}" if value == int(value) else f"{value:,.2f}")
        for name, value in counted.items()
    ]
    if throughput.get("peak_memory_bytes"):
        shown.append(("peak memory", f"{throughput['peak_memory_bytes'] / 1e9:.1f} GB"))
    return shown


def run_facts(run: SavedRun) -> list[tuple[str, str]]:
    """Returns name and text of each setting, version and fingerprint."""
    facts = run.facts
    named: dict[str, Any] = {"checkpoint": facts.get("model_name")}
    named |= {name.replace("_", " "): value for name, value in run.settings.items() if value not in _NOTHING}
    named |= {"fasteval": facts.get("fasteval_version")} | (facts.get("software_versions") or {})
    named |= {"commit": facts.get("git_hash"), "model fingerprint": facts.get("model_fingerprint")}
    named |= {f"fingerprint of {name}": digest for name, digest in (facts.get("task_hashes") or {}).items()}
    named |= {"results file": run.path}
    texts = ((name, _text(value)) for name, value in named.items())
    return [(name, text) for name, text in texts if text]


def model_title(run: SavedRun) -> str:
    """Returns the model's name; of a path its last two parts."""
    path = PurePath(run.label)
    return "/".join(path.parts[-2:]) if path.is_absolute() else run.label


def date(seconds: Any) -> str:
    """Returns local date and time of seconds since 1970, to the minute; "" for anything else."""
    if not isinstance(seconds, int | float) or not seconds:
        return ""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _effective(run: SavedRun) -> int:
    return sum((task.facts.get("n-samples") or {}).get("effective", 0) for task in run.tasks.values())


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{name}={_text(entry)}" for name, entry in value.items())
    return ", ".join(map(_text, value)) if isinstance(value, list) else str(value)
