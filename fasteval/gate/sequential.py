"""`SequentialGate`: asks documents in random order and ends the run as soon as the verdict is settled.

Each limit of the policy gets two tests that may be looked at after every document (`BettingTest`): one that the limit
is broken, one that it is held; whichever is refuted settles the check. The documents of a cluster (an image, a video)
count as one: clusters are drawn at random, and their answers are taken in that order, whichever comes back first, so
that a fast answer has no better chance to be counted than a slow one.

What is not settled when all documents are answered is judged as any other run, at a level that was put aside for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fasteval.comparison.documents import cluster_codes, documents_of
from fasteval.errors import UsageError
from fasteval.gate.judge import Early, paired_metric
from fasteval.gate.report import Outcome, SequentialFacts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from numpy.typing import NDArray

    from fasteval.comparison.documents import RunDocument
    from fasteval.gate.policy import Policy, TaskPolicy
    from fasteval.results.model import Results
    from fasteval.results.sample import ScoredDocument
    from fasteval.results.saved import SavedRun, SavedTask

__all__ = ["SEQUENTIAL_SHARE", "BettingTest", "SequentialGate"]

#: Stakes as shares of what ruins the player at one loss: from nearly nothing to nearly all.
_STAKES = np.geomspace(0.002, 0.95, 40)
#: Share of 1 - confidence that is spent on the way; the rest is for what is judged at the end.
SEQUENTIAL_SHARE = 0.8
#: Bounds below this share of the scores' range would make a single document decide.
_LEAST_BOUND = 0.05


class BettingTest:
    """A test of the hypothesis that independent values, none below -`bound`, have a mean of at most zero.

    It may be looked at after every value: it bets against the hypothesis (Waudby-Smith and Ramdas 2024, Journal of the
    Royal Statistical Society B 86:1). A player stakes some of his capital on every next value to be positive. If the
    hypothesis is true, no way of staking lets him expect to win, and the capital ever reaches 1 / alpha with a
    probability of at most alpha (Ville 1939), however often one looks. Which stake wins fastest depends on what is not
    known, so the capital is spread evenly over a row of stakes that stay fixed: it grows almost as fast as the best of
    them.
    """

    def __init__(self, bound: float, alpha: float) -> None:
        """Starts with a capital of 1; `bound` > 0 is known before any value is, `alpha` the level."""
        self._stakes = _STAKES / bound
        self._logs = np.zeros(len(_STAKES))
        self._goal = math.log(1 / alpha)
        self.is_settled = False

    def add(self, value: float) -> None:
        """Takes the next value; once the hypothesis is refuted it stays refuted."""
        self._logs += np.log1p(self._stakes * value)
        self.is_settled = self.is_settled or self.log_capital >= self._goal

    @property
    def log_capital(self) -> float:
        """The logarithm of the capital: the evidence against the hypothesis."""
        largest = float(self._logs.max())
        return largest + math.log(float(np.exp(self._logs - largest).mean()))


class SequentialGate:
    """Watches a run (an `Observer`) on behalf of a policy."""

    def __init__(self, baseline: SavedRun, policy: Policy, *, seed: int = 1234) -> None:
        """Prepares the tests; `seed` orders the documents.

        Raises:
            UsageError: a task of the policy that the baseline does not have, or scores outside the policy's range.
        """
        for name in policy.tasks:
            if name not in baseline.tasks or not baseline.tasks[name].samples:
                raise UsageError(f"--sequential needs the samples of {name} in the baseline {baseline.path}")
        risk = (1 - policy.confidence) * SEQUENTIAL_SHARE
        rng = np.random.default_rng(seed)
        self._tasks = {
            name: _Task(baseline.tasks[name], task, (risk, risk / policy.critical_limits), rng)
            for name, task in policy.tasks.items()
        }
        self._has_errors = False

    def ranks(self, task: str, doc_ids: NDArray[np.int64]) -> NDArray[np.float64]:
        """Returns for each document where it stands in the run, from 0 to 1; those without a baseline come last."""
        if task not in self._tasks:
            return np.ones(len(doc_ids))
        return self._tasks[task].plan(doc_ids)

    def receive(self, task: str, document: ScoredDocument) -> Collection[str]:
        """Takes a scored document; returns the tasks of which nothing more is wanted."""
        if task in self._tasks:
            self._has_errors = self._has_errors or document.error is not None
            self._tasks[task].receive(document)
        if self._is_settled():
            return list(self._tasks)
        return [name for name, entry in self._tasks.items() if entry.is_settled]

    def outcome(self, task: str, check: str) -> Outcome | None:
        """Returns what became of a check; None while it is not settled."""
        return next(trial.outcome for trial in self._tasks[task].trials if trial.name == check)

    def early(self, results: Results) -> Early:
        """Returns what was settled, once the run has ended."""
        settled = {
            (name, trial.name): (trial.outcome, trial.reason)
            for name, entry in self._tasks.items()
            for trial in entry.trials
            if trial.outcome is not None
        }
        asked = {name: len(task.documents) for name, task in results.tasks.items()}
        facts = SequentialFacts(
            documents=sum(entry.planned for entry in self._tasks.values()),
            asked=sum(asked.values()),
            requests=results.statistics.unique_requests - results.statistics.cache_hits,
            sent=results.statistics.sent,
        )
        cut = frozenset(name for name, entry in self._tasks.items() if asked.get(name, entry.planned) < entry.planned)
        return Early(settled, cut, 1 - SEQUENTIAL_SHARE, facts)

    def _is_settled(self) -> bool:
        """Whether the verdict can no longer change."""
        critical = [
            trial.outcome for entry in self._tasks.values() if entry.policy.is_critical for trial in entry.trials
        ]
        return self._has_errors or Outcome.FAILED in critical or None not in critical


@dataclass(slots=True)
class _Trial:
    """One limit under test.

    Attributes:
        name: the check's name in the policy.
        held: refutes that the limit is broken.
        broken: refutes that the limit is held.
        outcome: None until one of them has.
        reason: how it was settled.
    """

    name: str
    held: BettingTest
    broken: BettingTest
    outcome: Outcome | None = None
    reason: str = ""
    documents: int = 0
    total: float = 0.0

    def add(self, values: Sequence[float]) -> None:
        """Takes one cluster: by how much each of its documents keeps within the limit."""
        if self.outcome is not None:
            return
        room = sum(values)
        self.documents, self.total = self.documents + len(values), self.total + room
        self.held.add(room)
        self.broken.add(-room)
        if self.held.is_settled or self.broken.is_settled:
            self.outcome = Outcome.PASSED if self.held.is_settled else Outcome.FAILED
            side = "within" if self.held.is_settled else "beyond"
            mean = abs(self.total / self.documents)
            self.reason = f"settled after {self.documents:,} documents, by {mean:.4f} {side} the limit on average"


@dataclass(slots=True)
class _Answer:
    """What a candidate's document says: its score, and whether its answer was truncated."""

    score: float
    truncated: float


@dataclass
class _Task:
    """One task of the policy: its clusters in random order, and how far they are answered."""

    task: SavedTask
    policy: TaskPolicy
    levels: tuple[float, float]
    rng: np.random.Generator
    trials: list[_Trial] = field(default_factory=list)
    planned: int = 0
    answers: dict[int, _Answer | None] = field(default_factory=dict)
    waiting: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Finds the metric, and checks the baseline's scores."""
        documents = documents_of(self.task)
        self.key = paired_metric(self.task, documents, self.policy)
        self.sign = 1.0 if self.task.higher_is_better(self.key) else -1.0
        self.base = {number: document for number, document in documents.items() if self.key in document.values}
        for number, document in self.base.items():
            self._check_range(document.values[self.key], f"document {number} of the baseline")

    @property
    def is_settled(self) -> bool:
        """Whether every limit is settled."""
        return bool(self.trials) and all(trial.outcome is not None for trial in self.trials)

    def plan(self, doc_ids: NDArray[np.int64]) -> NDArray[np.float64]:
        """Draws the order of the clusters among the documents that will be asked; returns each document's rank."""
        self.planned = len(np.unique(doc_ids))
        documents = [self.base[number] for number in np.unique(doc_ids).tolist() if number in self.base]
        clusters = self._clusters(documents)
        self.waiting = [clusters[index] for index in self.rng.permutation(len(clusters))]
        self.trials = list(self._trials()) if documents else []
        rank = {number: place / len(clusters) for place, cluster in enumerate(self.waiting) for number in cluster}
        self.waiting.reverse()  # the next one is taken from the end
        return np.array([rank.get(number, 1.0) for number in doc_ids.tolist()])

    def receive(self, document: ScoredDocument) -> None:
        """Takes an answer, and gives the tests every cluster that is complete and next."""
        self.answers[document.doc_id] = self._answer(document)
        while self.waiting and all(number in self.answers for number in self.waiting[-1]):
            cluster = [(self.base[number], self.answers[number]) for number in self.waiting.pop()]
            pairs = [(base.values[self.key], answer) for base, answer in cluster if answer is not None]
            for trial in self.trials if pairs else ():
                trial.add([self._room(trial.name, base, answer) for base, answer in pairs])

    def _clusters(self, documents: list[RunDocument]) -> list[list[int]]:
        codes = cluster_codes(documents, self.task.cluster_key)
        if codes is None:
            return [[document.doc_id] for document in documents]
        clusters: list[list[int]] = [[] for _ in range(int(codes.max()) + 1)]
        for code, document in zip(codes.tolist(), documents, strict=True):
            clusters[code].append(document.doc_id)
        return clusters

    def _trials(self) -> Iterator[_Trial]:
        """Yields a trial for each limit; what a cluster can lose at most, either way, is known from the baseline."""
        worst, best = sorted(self.policy.score_range, key=lambda end: self.sign * end)
        for name in self.policy.limits:
            least = _LEAST_BOUND * (1.0 if name == "max_truncated" else abs(best - worst))
            losses = ((-1, _Answer(worst, 1.0)), (1, _Answer(best, 0.0)))
            bounds = [max(least, *(side * self._most(name, end, of) for of in self.waiting)) for side, end in losses]
            held, broken = map(BettingTest, bounds, self.levels)
            yield _Trial(name, held, broken)

    def _most(self, name: str, end: _Answer, cluster: Sequence[int]) -> float:
        """Returns by how much a cluster keeps within a limit if all its documents answer alike."""
        return sum(self._room(name, self.base[number].values[self.key], end) for number in cluster)

    def _room(self, name: str, base: float, answer: _Answer) -> float:
        """Returns by how much one document keeps within a limit; negative if it does not."""
        limit = self.policy.limits[name]
        if name == "max_truncated":
            return limit - answer.truncated
        if name == "max_drop":
            return limit - self.sign * (base - answer.score)
        return self.sign * (answer.score - limit)

    def _answer(self, document: ScoredDocument) -> _Answer | None:
        """Returns what the document says; None if it has no score."""
        metric, _, filter_name = self.key.partition(",")
        score = self.task.number(document.values.get(filter_name, {}).get(metric))
        if score is None:
            return None
        self._check_range(score, f"document {document.doc_id}")
        truncated = any(sample.finish_reason == "length" for sample in document.samples)
        return _Answer(score, float(truncated))

    def _check_range(self, score: float, what: str) -> None:
        lowest, highest = self.policy.score_range
        if not lowest <= score <= highest:
            raise UsageError(
                f"{self.task.name}: the {self.key} of {what} is {score:g}, outside [{lowest:g}, {highest:g}]: "
                "--sequential needs score_range: [lowest, highest] in the policy"
            )
