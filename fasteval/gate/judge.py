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
from fasteval.comparison.documents import documents_of, metric_keys, short_name
from fasteval.comparison.pairing import pair_documents
from fasteval.errors import IncomparableError, UnknownNameError, UsageError
from fasteval.gate.report import Check, GateReport, Outcome
from fasteval.results.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fasteval.comparison.documents import RunDocument
    from fasteval.gate.policy import Policy, TaskPolicy
    from fasteval.gate.report import SequentialFacts
    from fasteval.results.saved import SavedRun

__all__ = ["Early", "critical_checks", "higher_is_better", "judge", "paired_metric"]

_SEED = 1234


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


class _Subject(NamedTuple):
    """One task that is judged."""

    name: str
    policy: TaskPolicy
    base: dict[int, RunDocument]
    candidate: dict[int, RunDocument]


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
        subject = _Subject(name, task, *documents)
        if name in candidate.tasks and (task.max_drop is None or name in baseline.tasks):
            if task.max_drop is not None:
                both = pair_documents(subject.base, subject.candidate).both
                differing += [str(mismatch) for mismatch in mismatches(baseline, candidate, name, both)]
            checks += _checks(baseline, candidate, subject, policy, early)
        else:
            missing = "candidate" if name not in candidate.tasks else "baseline"
            checks.append(_check(subject, "complete", Outcome.UNDECIDED, f"the {missing} has no such task"))
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


def _checks(
    baseline: SavedRun, candidate: SavedRun, subject: _Subject, policy: Policy, early: Early | None
) -> Iterator[Check]:
    """Yields the checks of a task that is there."""
    yield from _errors(baseline, candidate, subject)
    failures = candidate.tasks[subject.name].facts.get("failures")
    if failures:
        yield _check(subject, "complete", Outcome.UNDECIDED, str(failures[0]))
    elif candidate.facts.get("is_complete") is False and early is None and not _any_errors(candidate):
        yield _check(subject, "complete", Outcome.UNDECIDED, "the candidate's run was interrupted")
    for name in ("floor", "ceiling", "max_drop", "max_truncated"):
        if getattr(subject.policy, name) is None:
            continue
        if early is not None and (subject.name, name) in early.settled:
            yield _check(subject, name, *early.settled[subject.name, name])
        elif early is not None and subject.name in early.cut:
            yield _check(subject, name, Outcome.UNDECIDED, "not settled when the verdict was")
        elif name == "max_drop":
            yield _drop(baseline, subject, policy, 1.0 if early is None else early.risk)
        elif name == "max_truncated":
            yield _truncated(subject)
        else:
            yield _value(candidate, subject, name)


def _check(subject: _Subject, name: str, outcome: Outcome, text: str) -> Check:
    return Check(
        task=subject.name,
        name=name,
        is_critical=subject.policy.is_critical,
        outcome=outcome,
        text=printable(text, 500),
    )


def _any_errors(run: SavedRun) -> bool:
    return any(task.facts.get("errors") or task.facts.get("failures") for task in run.tasks.values())


def _errors(baseline: SavedRun, candidate: SavedRun, subject: _Subject) -> Iterator[Check]:
    """Yields a check for each run that has error rows; the baseline's count where it is compared with."""
    runs = [("candidate", candidate, subject.candidate)]
    if subject.policy.max_drop is not None:
        runs.append(("baseline", baseline, subject.base))
    for which, run, documents in runs:
        reasons = [document.error for document in documents.values() if document.error is not None]
        count = max(len(reasons), int(run.tasks[subject.name].facts.get("errors") or 0))
        if count:
            text = f"{count:,} document{'s have' if count > 1 else ' has'} no score in the {which}"
            yield _check(subject, "errors", Outcome.UNDECIDED, text + (f": {reasons[0]}" if reasons else ""))


def _value(candidate: SavedRun, subject: _Subject, name: str) -> Check:
    """Holds the value that the results report against a floor or a ceiling."""
    task, limit = candidate.tasks[subject.name], getattr(subject.policy, name)
    numbers = dict.fromkeys(key for document in subject.candidate.values() for key in document.values)
    key = choose_metric([*metric_keys(task), *numbers], subject.policy.metric, subject.name)
    higher = higher_is_better(candidate, subject.name, key)
    if higher != (name == "floor"):
        direction, other = ("more", "floor") if higher else ("less", "ceiling")
        raise UsageError(f"{subject.name}: {name}: of {key} {direction} is better: give it a {other}")
    value = task.values.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        scores = [document.values[key] for document in subject.candidate.values() if key in document.values]
        value = sum(scores) / len(scores) if scores else None
    if value is None:
        return _check(subject, name, Outcome.UNDECIDED, f"{key} has no value")
    passed = value >= limit if higher else value <= limit
    return _check(subject, name, _outcome(passed), f"{short_name(key)} is {value:.4f}, the {name} {limit:g}")


def _truncated(subject: _Subject) -> Check:
    known = [document.is_truncated for document in subject.candidate.values() if document.error is None]
    limit = subject.policy.max_truncated or 0.0
    if not known or None in known:
        return _check(subject, "max_truncated", Outcome.UNDECIDED, "the samples do not say why answers ended")
    share = sum(bool(value) for value in known) / len(known)
    text = f"{share:.2%} of {len(known):,} answers are truncated, {limit:.2%} may be"
    return _check(subject, "max_truncated", _outcome(share <= limit), text)


def _drop(baseline: SavedRun, subject: _Subject, policy: Policy, risk: float) -> Check:
    """Holds the interval of the drop against the largest one allowed, at the share `risk` of 1 - confidence."""
    pairs = pair_documents(subject.base, subject.candidate)
    limit = subject.policy.max_drop or 0.0
    key = paired_metric(baseline, subject.name, subject.base, subject.policy)
    if not any(key in first.values and key in second.values for first, second in pairs.both):
        return _check(subject, "max_drop", Outcome.UNDECIDED, "no document has a score in both runs")
    cluster = baseline.tasks[subject.name].config.get("cluster_key")
    scores = paired_scores(pairs.both, key, cluster, _SEED)
    sign = -1.0 if higher_is_better(baseline, subject.name, key) else 1.0
    error = (1 - policy.confidence) * risk
    # One-sided bounds. A NO-GO may come from any of several limits, so that each gets its share of the risk.
    most = max(sign * end for end in scores.interval(1 - 2 * error))
    least = min(sign * end for end in scores.interval(1 - 2 * error / critical_checks(policy)))
    text = (
        f"{short_name(key)} dropped by {sign * scores.mean + 0.0:.4f} ({least:.4f} to {most:.4f}), {limit:g} is "
        f"allowed; {scores.count:,} documents, {scores.gained} gained, {scores.lost} lost"
    )
    if pairs.unpaired[0]:
        text += f"; documents that only the baseline has: {pairs.unpaired[0]:,}"
    outcome = Outcome.PASSED if most <= limit else Outcome.FAILED if least > limit else Outcome.UNDECIDED
    return _check(subject, "max_drop", outcome, text)


def critical_checks(policy: Policy) -> int:
    """Returns how many limits could lead to a NO-GO."""
    limits = ("floor", "ceiling", "max_drop", "max_truncated")
    return sum(getattr(task, name) is not None for task in policy.tasks.values() if task.is_critical for name in limits)


def paired_metric(baseline: SavedRun, name: str, documents: Mapping[int, RunDocument], policy: TaskPolicy) -> str:
    """Returns the "metric,filter" by which a task's documents are paired.

    Raises:
        UsageError: the policy names a metric that has no number for single documents.
        UnknownNameError: there is none of that name.
    """
    there = dict.fromkeys(key for document in documents.values() for key in document.values)
    reported = metric_keys(baseline.tasks[name])
    wanted = [key for key in reported if policy.metric in (key, key.partition(",")[0])]
    if wanted and not any(key in there for key in wanted):
        raise UsageError(f"{name}: max_drop: no document has a number of its own for {policy.metric}")
    return choose_metric([*(key for key in reported if key in there), *there], policy.metric, name)


def higher_is_better(run: SavedRun, task: str, key: str) -> bool:
    """Returns the direction of a metric; up where the file does not say."""
    return bool((run.tasks[task].facts.get("higher_is_better") or {}).get(key.partition(",")[0], True))


def _outcome(passed: bool) -> Outcome:
    return Outcome.PASSED if passed else Outcome.FAILED
