"""`Lab`: where the campaign works: a folder, a workload, and the results of a run to which nothing was done."""

from __future__ import annotations

import functools
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.campaign.process import RunProcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.campaign.process import Outcome

__all__ = ["Finding", "Lab"]

_SABOTAGE = Path(__file__).parent / "sabotage"


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one fault.

    Attributes:
        fault: what was done.
        lost: written answers that were lost or computed again, and healthy documents without a score.
        wrong: scores and samples that differ from those of a run to which nothing was done.
        costs: what it did cost, in words and figures.
        message: the line that the user was shown.
    """

    fault: str
    lost: int
    wrong: int
    costs: str
    message: str = ""

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost and nothing wrong."""
        return self.lost == 0 and self.wrong == 0


@dataclass
class Lab:
    """One workload, and runs of it.

    Attributes:
        folder: for caches and results; emptied by whoever made it.
        limit: documents a task.
        seed: what moments and damages are drawn from.
        arguments: further flags of every run.
        model: the flags that name the model.
    """

    folder: Path
    limit: int = 100
    seed: int = 1
    arguments: tuple[str, ...] = ("--tasks", "easy_vqa,easy_vqa_choices")
    model: tuple[str, ...] = ("--model", "demo", "--model_args", "dtype=float32")
    _names: set[str] = field(default_factory=set)

    def start(
        self, name: str, *flags: str, cache: Path | None = None, sabotage: Mapping[str, str] | None = None
    ) -> RunProcess:
        """Starts a run of the workload.

        Args:
            name: names its folder, below which its results are; made unique.
            flags: flags of this run alone; later ones win.
            cache: its cache; by default one of its own.
            sabotage: environment variables that `sabotage/sitecustomize.py` understands.
        """
        number = sum(used.partition("~")[0] == name for used in self._names)
        name = f"{name}~{number}"
        self._names.add(name)
        folder = self.folder / name
        folder.mkdir(parents=True)
        command = [*self.model, "--limit", str(self.limit), "--bootstrap_iters", "100", *self.arguments]
        environment = {} if sabotage is None else {"PYTHONPATH": str(_SABOTAGE), **sabotage}
        return RunProcess(folder, cache or folder / "cache", [*command, *flags], environment)

    def run(
        self, name: str, *flags: str, cache: Path | None = None, sabotage: Mapping[str, str] | None = None
    ) -> Outcome:
        """Runs the workload to its end."""
        return self.start(name, *flags, cache=cache, sabotage=sabotage).wait()

    def with_workload(self, name: str, arguments: Sequence[str], limit: int) -> Lab:
        """Returns a lab with another workload, in a folder below this one's."""
        return Lab(self.folder / name, limit, self.seed, tuple(arguments))

    @functools.cached_property
    def reference(self) -> Outcome:
        """The run to which nothing was done; its cache is full."""
        outcome = self.run("reference")
        if outcome.exit_code or outcome.written != outcome.unique:
            raise RuntimeError(f"the reference run failed with exit code {outcome.exit_code}: {outcome.messages[-1:]}")
        return outcome

    def copy_of_cache(self, name: str) -> Path:
        """Returns a copy of the reference run's answers, without the report that would spare a run looking at them."""
        copy = self.folder / f"cache-{name}"
        copy.mkdir()
        for path in self.reference.cache.glob("*.jsonl"):
            shutil.copy(path, copy)
        return copy

    def wrong(self, outcome: Outcome, *, except_errors: bool = False) -> int:
        """Returns how many scores and samples of a run differ from the reference's.

        Args:
            outcome: the run.
            except_errors: whether documents without a score are left out, and with them the tasks' scores.
        """
        expected, found = self.reference, outcome
        wrong = 0 if except_errors else int(expected.scores != found.scores)
        for task, samples in expected.samples.items():
            others = found.samples.get(task, {})
            wrong += sum(
                others.get(doc_id) != sample
                for doc_id, sample in samples.items()
                if not (except_errors and doc_id in found.errors(task))
            )
        return wrong
