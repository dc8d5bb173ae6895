"""What a report says of a run beside scores and samples: headline figures, where the time went, counters, settings."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from fasteval.results.report.documents import Document, Status
from fasteval.results.statistics import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fasteval.results.saved import SavedRun

__all__ = ["Stage", "Tile", "counters", "date", "model_title", "run_facts", "tiles"]
__all__ += ["bottleneck", "format_seconds", "stages_of", "workers_of"]

_COUNTS = ("requests", "unique_requests", "cache_hits", "sent", "prompt_tokens", "output_tokens")
_NOTHING: tuple[Any, ...] = (None, {}, [], False, "")
_MEANINGS = {
    "start": "the engine starts and loads the model",
    "load": "tasks, documents and cached answers are loaded",
    "engine": "the engine computes answers",
    "scoring": "answers are scored and summed up while the engine has nothing to do",
    "other": "everything else",
}
_ADVICE = {
    "start": "The start weighs less in longer runs, and nothing where every answer is cached.",
    "load": "Data sets or checkpoint digests are read: a second run finds most of it prepared.",
    "engine": "The model itself is the limit, as it should be.",
    "scoring": "The metrics are the limit, not the model.",
    "other": "",
}


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
    asked = sum((task.facts.get("n-samples") or {}).get("effective", 0) for task in run.tasks.values())
    shown = [Tile(f"{len(documents) or asked:,}", "documents", in_tasks)]
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


class Stage(NamedTuple):
    """One stage of the wall time.

    Attributes:
        name: its name.
        seconds: wall time that belongs to it.
        share: part of the whole, 0 to 1.
        busy: seconds of work of this kind, whatever went on beside it; None where it was not counted.
        meaning: what happens in it.
    """

    name: str
    seconds: float
    share: float
    busy: float | None
    meaning: str


def stages_of(throughput: Mapping[str, Any]) -> list[Stage]:
    """Returns the stages of a results file's `throughput`, in their order; none if it has none."""
    stages = throughput.get("stages") or {}
    whole = sum(stages.values()) or 1.0
    busy = throughput.get("busy") or {}
    return [
        Stage(name, stages[name], stages[name] / whole, busy.get(name), _MEANINGS[name])
        for name in STAGES
        if name in stages
    ]


def workers_of(throughput: Mapping[str, Any]) -> dict[str, float]:
    """Returns the seconds in which the workers inside the engine's process were busy, side by side; none of servers."""
    return {name: seconds for name, seconds in (throughput.get("busy") or {}).items() if name not in STAGES}


def bottleneck(stages: list[Stage]) -> str:
    """Returns one or two sentences on the stage that took most of the time; "" without stages."""
    if not any(stage.seconds for stage in stages):
        return ""
    most = max(stages, key=lambda stage: stage.seconds)
    return f"{most.share:.0%} of the time went into {most.name}: {most.meaning}. {_ADVICE[most.name]}".strip()


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


def format_seconds(seconds: float) -> str:
    """Returns a duration as people say it: "0.42 s", "47.3 s", "3 min 12 s", "2 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def date(seconds: Any) -> str:
    """Returns local date and time of seconds since 1970, to the minute; "" for anything else."""
    if not isinstance(seconds, int | float) or not seconds:
        return ""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{name}={_text(entry)}" for name, entry in value.items())
    return ", ".join(map(_text, value)) if isinstance(value, list) else str(value)
