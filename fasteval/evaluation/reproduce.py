"""`reproduce`: a saved run is run again; what differs is said, in what it was made of and in what came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fasteval.evaluation.rescore import saved_settings
from fasteval.evaluation.run import evaluate
from fasteval.results.printable import printable
from fasteval.results.saved import saved_form

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fasteval.results.model import Results
    from fasteval.results.progress import Progress
    from fasteval.results.saved import SavedRun, SavedTask

__all__ = ["Difference", "Reproduction", "differences", "manifest_differences", "reproduce"]

# What may differ between two runs of the same command without being a difference of what was evaluated.
_CIRCUMSTANCES = ("rescored_from",)
_ANSWERS = ("resps", "logprobs", "is_greedy")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two runs do not share.

    Attributes:
        part: where it is, names with dots between them.
        before: what the saved run has; None where it has nothing there.
        now: what the other one has.
    """

    part: str
    before: Any
    now: Any

    def describe(self) -> str:
        """Returns one line for a person."""
        before, now = ("nothing" if value is None else printable(str(value), 200) for value in (self.before, self.now))
        return f"{self.part}: {before} -> {now}"


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A run that was run again.

    Attributes:
        results: the new results.
        made_of: differences of manifest and versions.
        scores: differences of the tasks' values.
        answers: by task, the documents whose answers differ (compared where the saved run has samples).
        compared: documents whose answers could be compared.
    """

    results: Results
    made_of: tuple[Difference, ...]
    scores: tuple[Difference, ...]
    answers: Mapping[str, tuple[int, ...]]
    compared: int

    @property
    def is_same(self) -> bool:
        """Whether every score and every answer came out as before."""
        return not self.scores and not any(self.answers.values())


def reproduce(run: SavedRun, *, progress: Progress | None = None, **changes: Any) -> Reproduction:
    """Runs a saved run again, without reading any earlier answer, and returns what differs.

    Args:
        run: the saved run.
        progress: who is told how far it is.
        **changes: settings that take the place of the run's own.

    Raises:
        FastEvalError: as for a run; and if the saved run does not say what its settings were.
    """
    settings = saved_settings(run, **{"use_cache": None, "no_cache": True, "output_path": None} | changes)
    results = evaluate(settings, progress=progress)
    again = saved_form(results)
    answers = {
        name: tuple(_other_answers(run.tasks[name], again.tasks[name])) for name in run.tasks if name in again.tasks
    }
    return Reproduction(
        results=results,
        made_of=tuple(manifest_differences(run, again)),
        scores=tuple(_other_scores(run, again)),
        answers=answers,
        compared=sum(len({sample["doc_id"] for sample in task.samples}) for task in run.tasks.values()),
    )


def manifest_differences(one: SavedRun, other: SavedRun) -> Iterator[Difference]:
    """Yields what two saved runs are not both made of: parts of the manifest, and versions of packages."""
    yield from differences("versions", one.facts.get("software_versions"), other.facts.get("software_versions"))
    manifests = [
        {name: part for name, part in (run.facts.get("manifest") or {}).items() if name not in _CIRCUMSTANCES}
        for run in (one, other)
    ]
    yield from differences("", *manifests)


def differences(place: str, before: Any, now: Any) -> Iterator[Difference]:
    """Yields what two values do not share, mappings entry by entry; `place` is put before the names."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in sorted({*before, *now}):
            yield from differences(f"{place}.{name}" if place else name, before.get(name), now.get(name))
    elif before != now:
        yield Difference(place, before, now)


def _other_scores(run: SavedRun, again: SavedRun) -> Iterator[Difference]:
    for name, task in run.tasks.items():
        now = again.tasks[name].values if name in again.tasks else {}
        yield from differences(name, dict(task.values), dict(now))


def _other_answers(before: SavedTask, now: SavedTask) -> Iterator[int]:
    """Yields the documents of which both runs have samples, but not the same answers."""
    current = {sample["doc_id"]: sample for sample in now.samples}
    for doc_id, sample in {sample["doc_id"]: sample for sample in before.samples}.items():
        other = current.get(doc_id, {})
        if any(sample.get(field) != other.get(field) for field in _ANSWERS):
            yield doc_id
