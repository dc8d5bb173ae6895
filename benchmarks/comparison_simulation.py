"""What `fasteval compare` and `fasteval gate --sequential` promise, held against runs whose truth is known.

    python -m benchmarks.comparison_simulation --runs 2000

Pairs of runs are drawn from a known difference. Without one, a comparison may find one in alpha of them; with a
difference as large as the smallest detectable one, it should find it in 80 %. A sequential gate may be wrong about the
limit in alpha of the runs, at the very limit; how many requests it saves depends on how far from the limit one is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import click
import numpy as np

from fasteval.comparison import PairedScores
from fasteval.comparison.compare import holm
from fasteval.gate import Outcome, Policy, SequentialGate, TaskPolicy
from fasteval.results.sample import ScoredDocument
from fasteval.results.saved import SavedRun, SavedTask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

__all__ = ["ALPHA", "World", "coverage", "family_alarms", "false_alarms", "power_at_detectable", "sequential"]

ALPHA = 0.05
_DRAWS = 2_000


@dataclass(frozen=True)
class World:
    """Where pairs of runs come from.

    Attributes:
        documents: documents a run.
        size: documents a cluster.
        differ: share of documents whose result differs.
        difference: mean difference of the candidate.
        agreement: share of clusters that differ as a whole, and not document by document.
        is_graded: scores between 0 and 1 in place of right and wrong.
    """

    documents: int = 1000
    size: int = 1
    differ: float = 0.1
    difference: float = 0.0
    agreement: float = 0.5
    is_graded: bool = False

    def pair(self, rng: np.random.Generator) -> PairedScores:
        """Returns a pair of runs."""
        clusters = self.documents // self.size
        share = max(self.differ, abs(self.difference))
        probabilities = [(share - self.difference) / 2, 1 - share, (share + self.difference) / 2]
        change = rng.choice([-1.0, 0.0, 1.0], (clusters, self.size), p=probabilities)
        whole = rng.random(clusters) < self.agreement
        change[whole] = change[whole, :1]  # a cluster that goes one way, with the same chances
        change = change.ravel()
        base = np.where(change > 0, 0.0, np.where(change < 0, 1.0, rng.random(len(change)) < 0.8)).astype(np.float64)
        candidate = base + change
        if self.is_graded:
            # Both graded by the same noise: the mean difference shrinks by its mean.
            noise = rng.gamma(2.0, 0.5, len(base))
            base, candidate = base * noise, candidate * noise
        codes = np.repeat(np.arange(clusters), self.size) if self.size > 1 else None
        return PairedScores(base, candidate, codes, seed=int(rng.integers(2**31)), draws=_DRAWS)


class Shares(NamedTuple):
    """What came of the simulated runs of a gate, as shares."""

    go: float
    no_go: float
    saved: float


def false_alarms(world: World, runs: int, seed: int = 1) -> float:
    """Returns the share of pairs, of a world without a difference, in which one is found."""
    rng = np.random.default_rng(seed)
    return sum(world.pair(rng).p_value <= ALPHA for _ in range(runs)) / runs


def family_alarms(world: World, tasks: int, runs: int, seed: int = 2) -> float:
    """Returns the share of runs of several tasks without a difference in which any is found after Holm's correction."""
    rng = np.random.default_rng(seed)
    return sum(min(holm([world.pair(rng).p_value for _ in range(tasks)])) <= ALPHA for _ in range(runs)) / runs


def power_at_detectable(world: World, runs: int, seed: int = 3) -> tuple[float, float]:
    """Returns what pairs without a difference state as detectable, on average, and how often that is found."""
    rng = np.random.default_rng(seed)
    stated = [detectable for _ in range(100) if (detectable := world.pair(rng).detectable(ALPHA)) is not None]
    difference = float(np.mean(stated))
    there = World(**(world.__dict__ | {"difference": -difference}))
    return difference, sum(there.pair(rng).p_value <= ALPHA for _ in range(runs)) / runs


def coverage(world: World, runs: int, seed: int = 4) -> float:
    """Returns the share of pairs whose interval holds the true difference (of right and wrong documents)."""
    rng = np.random.default_rng(seed)
    covered = 0
    for _ in range(runs):
        low, high = world.pair(rng).interval(1 - ALPHA)
        covered += low <= world.difference <= high
    return covered / runs


def sequential(world: World, max_drop: float, runs: int, seed: int = 5) -> Shares:
    """Returns how a sequential gate with this limit ends, and the share of the documents that it leaves out."""
    rng = np.random.default_rng(seed)
    policy = Policy(tasks={"t": TaskPolicy(max_drop=max_drop)})
    ends: list[tuple[Outcome | None, int]] = []
    for _ in range(runs):
        pair = world.pair(rng)
        gate = SequentialGate(_saved(pair), policy, seed=int(rng.integers(2**31)))
        ends.append(_watch(gate, pair.candidate))
    outcomes = [outcome for outcome, _ in ends]
    asked = sum(count for _, count in ends) / (runs * world.documents)
    return Shares(outcomes.count(Outcome.PASSED) / runs, outcomes.count(Outcome.FAILED) / runs, 1 - asked)


def _saved(pair: PairedScores) -> SavedRun:
    codes = range(pair.count) if pair.codes is None else pair.codes.tolist()
    samples = [
        {"doc_id": number, "doc": {"cluster": code}, "filter": "none", "metrics": ["acc"], "acc": score}
        for number, (code, score) in enumerate(zip(codes, pair.base.tolist(), strict=True))
    ]
    task = SavedTask(name="t", samples=samples, values={"acc,none": 0.0}, config={"cluster_key": "cluster"})
    return SavedRun(path="", program="fasteval", tasks={"t": task})


def _watch(gate: SequentialGate, scores: NDArray[np.float64]) -> tuple[Outcome | None, int]:
    """Feeds a gate in its own order until it has seen enough; returns the outcome and the documents it took."""
    ranks = gate.ranks("t", np.arange(len(scores)))
    count = 0
    for number in np.argsort(ranks, kind="stable").tolist():
        count += 1
        if gate.receive("t", ScoredDocument(number, values={"none": {"acc": float(scores[number])}})):
            break
    return gate.outcome("t", "max_drop"), count


def _rows(runs: int) -> Iterator[tuple[str, str, str]]:
    """Yields what was simulated, what is promised and what came out."""
    noise = 2 * math.sqrt(ALPHA * (1 - ALPHA) / runs)
    worlds = {
        "right or wrong, independent": World(),
        "right or wrong, few differ": World(differ=0.01),
        "right or wrong, images of 10": World(size=10),
        "right or wrong, 30 images of 10": World(documents=300, size=10, differ=0.2),
        "graded, independent": World(is_graded=True, documents=300),
        "graded, images of 5": World(is_graded=True, documents=300, size=5, differ=0.3),
    }
    for name, world in worlds.items():
        yield f"{name}: false alarms", f"at most {ALPHA:.0%} ± {noise:.1%}", f"{false_alarms(world, runs):.1%}"
    family = family_alarms(World(documents=300), 5, runs)
    yield "five tasks, Holm: any false alarm", f"at most {ALPHA:.0%} ± {noise:.1%}", f"{family:.1%}"
    for name in list(worlds)[:4]:
        difference, power = power_at_detectable(worlds[name], runs)
        yield f"{name}: found, of a drop of {difference:.4f}", "80 %", f"{power:.1%}"
        yield f"{name}: interval holds the truth", "at least 95 %", f"{coverage(worlds[name], runs):.1%}"
    yield from _gates(runs, noise)


def _gates(runs: int, noise: float) -> Iterator[tuple[str, str, str]]:
    at_most = f"wrong in at most {ALPHA:.0%} ± {noise:.1%}"
    limit = World(documents=2000, differ=0.1, difference=-0.03)
    cases: list[tuple[str, World, float, str, Callable[[Shares], float] | None]] = [
        ("gate at its limit", limit, 0.03, at_most, lambda shares: max(shares.go, shares.no_go)),
        ("… images of 5", World(**(limit.__dict__ | {"size": 5})), 0.03, at_most, lambda s: max(s.go, s.no_go)),
        ("gate, a drop of 15 points, 3 allowed", World(2000, 1, 0.2, -0.15), 0.03, "saves at least 60 %", None),
        ("… images of 5", World(2000, 5, 0.2, -0.15), 0.03, "saves at least 60 %", None),
        ("gate, no difference, 3 points allowed", World(2000, 1, 0.05), 0.03, "", None),
        ("gate, no difference, 1 point allowed", World(2000, 1, 0.05), 0.01, "", None),
    ]
    for name, world, max_drop, promise, wrong in cases:
        shares = sequential(world, max_drop, runs)
        said = f"GO {shares.go:.1%}, NO-GO {shares.no_go:.1%}, {shares.saved:.0%} saved"
        yield name, promise, said if wrong is None else f"{wrong(shares):.1%} ({said})"


@click.command()
@click.option("--runs", default=2000, show_default=True, help="Simulated pairs of runs for each line.")
def main(runs: int) -> None:
    """Simulates comparisons and sequential gates."""
    click.echo(f"{runs} simulated pairs of runs a line.\n\n| simulated | promised | came out |\n|---|---|---|")
    for row in _rows(runs):
        click.echo(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
