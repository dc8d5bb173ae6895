"""Where the time of a run went, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fasteval.results.statistics import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Stage", "bottleneck", "format_seconds", "stages_of", "workers_of"]

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


def format_seconds(seconds: float) -> str:
    """Returns a duration as people say it: "0.42 s", "47.3 s", "3 min 12 s", "2 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"
