"""`judge`: a baseline, a candidate and a policy become a `GateReport`.

A drop is settled by its interval, not by the number: the candidate passes where even the largest drop that the paired
documents allow is within the limit, and fails where even the smallest is beyond it; what lies between is undecided. The
level is such that a candidate that is worse than allowed in any critical task gets a GO with a probability of at most
1 - confidence, and one that holds every limit a NO-GO with at most the same, whatever the number of tasks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fasteval.comparison.comparable import mismatches
from fasteval.comparison.compare import choose_metric, paired_scores
from fasteval.comparison.documents import documents_of, pair_documents, short_name
from fasteval.errors import IncomparableError, UnknownNameError, UsageError
from fasteval.gate.report import Check, GateReport, Outcome
from fasteval.results.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fasteval.comparison.documents import RunDocument
    from fasteval.gate.policy import Policy, TaskPolicy
    from fasteval.gate.report import SequentialFacts
    from fasteval.results.saved import SavedRun, SavedTask

__all__ = ["Early", "judge", "paired_metric"]

_SEED = 1234
_OUTCOMES = {True: Outcome.PASSED, False: Outcome.FAILED, None: Outcome.UNDECIDED}


class Early(NamedTuple):
    """What a run that could stop early has settled, for `judge`.

    Attributes:
        settled: outcome and reason of the checks that are settled, by task and name.
        cut: tasks that were left before their end.
        risk: the share of the risk that is left for what is judged at the end.
        facts: what was saved.
    """

    settled: Mapping[tuple[str, str], tuple[Outcome, str]]
    cut: frozenset[str]
    risk: float
    facts: SequentialFacts


def judge(
    baseline: SavedRun, candidate: SavedRun, policy: Policy, *, force: bool = False, early: Early | None = None
) -> GateReport:
    """Returns the verdict.

    Raises:
        IncomparableError: prompts, data, scoring or generation differ, and `force` is not set.
        UnknownNameError: a task of the policy that neither run has, or a metric that its task does not have.
        UsageError: a limit that the metric cannot have.
    """
    checks: list[Check] = []
    differing: list[str] = []
    for name, task in policy.tasks.items():
        if name not in baseline.tasks and name not in candidate.tasks:
            known = [*baseline.tasks, *candidate.tasks]
            raise UnknownNameError("task", name, known, hint="in the policy; neither run has it")
        documents = [documents_of(run.tasks[name]) if name in run.tasks else {} for run in (baseline, candidate)]
        subject = _Subject(name, task, baseline, candidate, *documents)
        if name in candidate.tasks and (task.max_drop is None or name in baseline.tasks):
            if task.max_drop is not None:
                differing += mismatches(baseline, candidate, name, pair_documents(*documents).both)
            checks += subject.checks(policy, early)
        else:
            missing = "candidate" if name not in candidate.tasks else "baseline"
            checks.append(subject.check("complete", None, f"the {missing} has no such task"))
    if differing and not force:
        raise IncomparableError("these runs cannot be compared (--force judges anyway): " + "; ".join(differing))
    return GateReport(
        baseline=(baseline.label, baseline.path),
        candidate=(candidate.label, candidate.path),
        confidence=policy.confidence,
        checks=checks,
        forced=differing,
        sequential=None if early is None else early.facts,
    )


class _Subject(NamedTuple):
    """One task that is judged."""

    name: str
    policy: TaskPolicy
    baseline: SavedRun
    candidate: SavedRun
    base_documents: dict[int, RunDocument]
    documents: dict[int, RunDocument]

    def check(self, name: str, passed: Outcome | bool | None, text: str) -> Check:
        """Returns a check; None for `passed` leaves it undecided."""
        outcome = passed if isinstance(passed, Outcome) else _OUTCOMES[passed]
        return Check(
            task=self.name,
            name=name,
            is_critical=self.policy.is_critical,
            outcome=outcome,
            text=printable(text, 500),
        )

    def checks(self, policy: Policy, early: Early | None) -> Iterator[Check]:
        """Yields the checks of a task that is there."""
        yield from self._errors()
        failures = self.candidate.tasks[self.name].facts.get("failures")
        if failures:
            yield self.check("complete", None, str(failures[0]))
        elif self.candidate.facts.get("is_complete") is False and early is None and not _any_errors(self.candidate):
            yield self.check("complete", None, "the candidate's run was interrupted")
        for name in self.policy.limits:
            if early is not None and (self.name, name) in early.settled:
                yield self.check(name, *early.settled[self.name, name])
            elif early is not None and self.name in early.cut:
                yield self.check(name, None, "not settled when the verdict was")
            elif name == "max_drop":
                yield self._drop(policy, 1.0 if early is None else early.risk)
            elif name == "max_truncated":
                yield self._truncated()
            else:
                yield self._value(name)

    def _errors(self) -> Iterator[Check]:
        """Yields a check for each run that has error rows; the baseline's count where it is compared with."""
        runs = [("candidate", self.candidate, self.documents)]
        if self.policy.max_drop is not None:
            runs.append(("baseline", self.baseline, self.base_documents))
        for which, run, documents in runs:
            reasons = [document.error for document in documents.values() if document.error is not None]
            count = max(len(reasons), int(run.tasks[self.name].facts.get("errors") or 0))
            if count:
                text = f"{count:,} document{'s have' if count > 1 else ' has'} no score in the {which}"
                yield self.check("errors", None, text + (f": {reasons[0]}" if reasons else ""))

    def _value(self, name: str) -> Check:
        """Holds the value that the results report against a floor or a ceiling."""
        task, limit = self.candidate.tasks[self.name], self.policy.limits[name]
        numbers = dict.fromkeys(key for document in self.documents.values() for key in document.values)
        key = choose_metric([*task.metric_keys, *numbers], self.policy.metric, self.name)
        higher = task.higher_is_better(key)
        if higher != (name == "floor"):
            direction, other = ("more", "floor") if higher else ("less", "ceiling")
            raise UsageError(f"{self.name}: {name}: of {key} {direction} is better: give it a {other}")
        value = task.values.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            scores = [document.values[key] for document in self.documents.values() if key in document.values]
            value = sum(scores) / len(scores) if scores else None
        if value is None:
            return self.check(name, None, f"{key} has no value")
        passed = value >= limit if higher else value <= limit
        return self.check(name, passed, f"{short_name(key)} is {value:.4f}, the {name} {limit:g}")

    def _truncated(self) -> Check:
        known = [document.is_truncated for document in self.documents.values() if document.error is None]
        limit = self.policy.limits["max_truncated"]
        if not known or None in known:
            return self.check("max_truncated", None, "the samples do not say why answers ended")
        share = sum(map(bool, known)) / len(known)
        text = f"{share:.2%} of {len(known):,} answers are truncated, {limit:.2%} may be"
        return self.check("max_truncated", share <= limit, text)

    def _drop(self, policy: Policy, risk: float) -> Check:
        """Holds the interval of the drop against the largest one allowed, at the share `risk` of 1 - confidence."""
        pairs = pair_documents(self.base_documents, self.documents)
        task, limit = self.baseline.tasks[self.name], self.policy.limits["max_drop"]
        key = paired_metric(task, self.base_documents, self.policy)
        if not any(key in first.values and key in second.values for first, second in pairs.both):
            return self.check("max_drop", None, "no document has a score in both runs")
        scores = paired_scores(pairs.both, key, task.cluster_key, _SEED)
        sign = -1.0 if task.higher_is_better(key) else 1.0
        error = (1 - policy.confidence) * risk
        # One-sided bounds. A NO-GO may come from any of several limits, so that each gets its share of the risk.
        most = max(sign * end for end in scores.interval(1 - 2 * error))
        least = min(sign * end for end in scores.interval(1 - 2 * error / policy.critical_limits))
        text = (
            f"{short_name(key)} dropped by {sign * scores.mean + 0.0:.4f} ({least:.4f} to {most:.4f}), {limit:g} is "
            f"allowed; {scores.count:,} documents, {scores.gained} gained, {scores.lost} lost"
        )
        if pairs.unpaired[0]:
            text += f"; documents that only the baseline has: {pairs.unpaired[0]:,}"
        return self.check("max_drop", True if most <= limit else False if least > limit else None, text)


def _any_errors(run: SavedRun) -> bool:
    return any(task.facts.get("errors") or task.facts.get("failures") for task in run.tasks.values())


def paired_metric(task: SavedTask, documents: Mapping[int, RunDocument], policy: TaskPolicy) -> str:
    """Returns the "metric,filter" by which a task's documents, those of the baseline, are paired.

    Raises:
        UsageError: the policy names a metric that has no number for single documents.
        UnknownNameError: there is none of that name.
    """
    there = dict.fromkeys(key for document in documents.values() for key in document.values)
    wanted = [key for key in task.metric_keys if policy.metric in (key, key.partition(",")[0])]
    if wanted and not any(key in there for key in wanted):
        raise UsageError(f"{task.name}: max_drop: no document has a number of its own for {policy.metric}")
    return choose_metric([*(key for key in task.metric_keys if key in there), *there], policy.metric, task.name)
