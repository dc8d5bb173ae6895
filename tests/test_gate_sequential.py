"""A gate that stops a run: what settles it, what it saves, and what the report says."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval.api.request import Response
from fasteval.errors import RequestError, UsageError
from fasteval.evaluation import evaluate
from fasteval.evaluation.settings import RunSettings
from fasteval.gate import GateReport, Outcome, Policy, SequentialGate, TaskPolicy, Verdict, judge
from fasteval.gate.sequential import BettingTest
from fasteval.models.replay import ReplayEngine
from fasteval.results.saved import saved_form

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fasteval.api.request import EngineRequest
    from fasteval.results.model import Results

TASK = """
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: docs.jsonl}}}}
test_split: test
output_type: generate_until
doc_to_text: "{name} {{{{question}}}}"
doc_to_target: answer
cluster_key: image
generation_kwargs: {{max_new_tokens: 4}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
"""
COUNT = 1000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    docs = [{"question": f"q{n}", "answer": "yes", "image": n // 4} for n in range(COUNT)]
    (tmp_path / "docs.jsonl").write_bytes(b"\n".join(map(orjson.dumps, docs)))
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(TASK.format(name=name))
    return tmp_path


def answering(right: Callable[[str, int], bool]) -> ReplayEngine:
    """Returns an engine that answers rightly where `right(task, question's number)` says so."""

    def answer(request: EngineRequest) -> Response:
        task, _, question = request.prompt.plain_text().partition(" ")
        text = "yes" if right(task, int(question.removeprefix("q"))) else "no"
        return Response(texts=(text,), finish_reason="stop", output_tokens=1)

    return ReplayEngine(answer)


def good(task: str, number: int) -> bool:
    return number % 20 > 0


def broken(task: str, number: int) -> bool:
    return good(task, number) and number % 5 > 0


def evaluated(
    folder: Path, engine: ReplayEngine, observer: SequentialGate | None = None, *tasks: str, **options: Any
) -> Results:
    options |= {"no_cache": True, "window": 16, "bootstrap_iters": 0, "include_path": (str(folder),)}
    return evaluate(RunSettings(model=engine, tasks=tasks or ("one",), **options), observer=observer)


def gated(folder: Path, engine: ReplayEngine, policy: Policy, *tasks: str, **options: Any) -> GateReport:
    tasks = tasks or ("one",)
    baseline = saved_form(evaluated(folder, answering(good), None, *tasks))
    gate = SequentialGate(baseline, policy)
    results = evaluated(folder, engine, gate, *tasks, **options)
    return judge(baseline, saved_form(results), policy, early=gate.early(results))


def limits(**tasks: TaskPolicy) -> Policy:
    return Policy(tasks=tasks or {"one": TaskPolicy(max_drop=0.05)})


# The bet.


@given(st.lists(st.floats(-1, 1), max_size=50), st.floats(0.1, 10))
def test_the_capital_is_the_mean_over_stakes_of_what_each_has_won(values: list[float], bound: float) -> None:
    from fasteval.gate.sequential import _STAKES

    bet = BettingTest(bound, 0.05)
    for value in values:
        bet.add(value * bound)
    expected = np.mean([math.prod(1 + stake * value for value in values) for stake in _STAKES])
    assert math.log(expected) == pytest.approx(bet.log_capital, abs=1e-6)


def test_losses_alone_never_settle_anything_and_wins_do() -> None:
    loser, winner = BettingTest(1.0, 0.05), BettingTest(1.0, 0.05)
    for _ in range(100):
        loser.add(-1.0)
        winner.add(0.5)
    assert (False, True) == (loser.is_settled, winner.is_settled)
    winner.add(-1.0)
    assert winner.is_settled


def test_a_fair_game_is_won_in_at_most_alpha_of_the_games_however_long_it_is_watched() -> None:
    rng = np.random.default_rng(2)
    won = 0
    for _ in range(200):
        bet = BettingTest(0.1, 0.05)
        for value in rng.choice([-0.1, 0.9], 400, p=[0.9, 0.1]):
            bet.add(float(value))
            if bet.is_settled:
                won += 1
                break
    assert won / 200 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


# Runs.


def test_a_broken_candidate_is_refused_after_a_few_documents(folder: Path) -> None:
    report = gated(folder, answering(broken), limits())
    assert Verdict.NO_GO == report.verdict
    assert report.sequential is not None
    assert (COUNT, COUNT) == (report.sequential.documents, report.sequential.requests)
    assert report.sequential.sent == report.sequential.asked < 0.4 * COUNT
    assert report.sequential.saved == 1 - report.sequential.sent / COUNT
    assert report.checks[0].text.startswith("settled after ")


def test_a_good_candidate_passes_before_the_end(folder: Path) -> None:
    report = gated(folder, answering(good), limits(one=TaskPolicy(max_drop=0.2)))
    assert Verdict.GO == report.verdict
    assert report.sequential is not None
    assert report.sequential.saved > 0.3


def test_what_is_not_settled_on_the_way_is_judged_at_the_end(folder: Path) -> None:
    report = gated(folder, answering(good), limits(one=TaskPolicy(max_drop=0.015)))
    assert report.sequential is not None
    assert (Verdict.GO, 0.0) == (report.verdict, report.sequential.saved)
    assert "dropped by 0.0000" in report.checks[0].text


def test_floors_and_truncation_stop_a_run_too(folder: Path) -> None:
    rules = limits(one=TaskPolicy(floor=0.99, max_truncated=0.01))
    report = gated(folder, answering(broken), rules)
    assert {"floor": Outcome.FAILED} == {
        check.name: check.outcome for check in report.checks if check.text.startswith("settled")
    }
    assert Verdict.NO_GO == report.verdict


def test_a_settled_task_ends_while_another_goes_on(folder: Path) -> None:
    """The first task is easily passed; the second stands near its limit and is asked to the end."""
    rules = limits(one=TaskPolicy(max_drop=0.3), two=TaskPolicy(max_drop=0.015))
    baseline = saved_form(evaluated(folder, answering(good), None, "one", "two"))
    gate = SequentialGate(baseline, rules)
    results = evaluated(folder, answering(good), gate, "one", "two")
    assert results.tasks["one"].n_effective < COUNT == results.tasks["two"].n_effective
    assert Verdict.GO == judge(baseline, saved_form(results), rules, early=gate.early(results)).verdict


def test_an_advisory_task_keeps_no_run_going(folder: Path) -> None:
    rules = limits(one=TaskPolicy(max_drop=0.05), two=TaskPolicy(max_drop=0.0, level="advisory"))
    report = gated(folder, answering(lambda task, n: (broken if task == "one" else good)(task, n)), rules, "one", "two")
    assert Verdict.NO_GO == report.verdict
    assert "not settled when the verdict was" == report.checks[1].text
    assert report.sequential is not None
    assert report.sequential.saved > 0.6


def test_an_error_row_ends_the_run_and_leaves_the_verdict_open(folder: Path) -> None:
    def fail(request: EngineRequest) -> Response:
        raise RequestError("the model has no answer")

    report = gated(folder, ReplayEngine(fail), limits())
    assert Verdict.INCONCLUSIVE == report.verdict
    assert report.sequential is not None
    assert report.sequential.sent <= 2 * 16


def test_the_order_is_random_and_images_stay_together(folder: Path) -> None:
    baseline = saved_form(evaluated(folder, answering(good)))
    ranks = SequentialGate(baseline, limits(), seed=1).ranks("one", np.arange(COUNT))
    assert all(len(set(ranks[first : first + 4])) == 1 for first in range(0, COUNT, 4))
    assert COUNT // 4 == len(set(ranks))
    assert abs(np.corrcoef(ranks, np.arange(COUNT))[0, 1]) < 0.2
    other = SequentialGate(baseline, limits(), seed=2).ranks("one", np.arange(COUNT))
    assert not np.array_equal(ranks, other)


def test_answers_count_in_the_planned_order_whichever_comes_first(folder: Path) -> None:
    """Wrong answers come back first here; counted as they come, they would break any candidate."""
    first_wrong = answering(good)
    first_wrong._newest_first = True
    report = gated(folder, first_wrong, limits(one=TaskPolicy(max_drop=0.2)))
    assert Verdict.GO == report.verdict


def test_a_limit_takes_the_documents_that_both_runs_have(folder: Path) -> None:
    report = gated(folder, answering(broken), limits(), limit=40)
    assert report.sequential is not None
    assert 40 == report.sequential.documents


def test_scores_outside_the_range_are_an_error_that_says_what_to_do(folder: Path) -> None:
    baseline = saved_form(evaluated(folder, answering(good)))
    with pytest.raises(UsageError, match=r"outside \[0, 0.5\]: --sequential needs score_range"):
        SequentialGate(baseline, limits(one=TaskPolicy(max_drop=0.1, score_range=(0, 0.5))))
    with pytest.raises(UsageError, match="--sequential needs the samples of two in the baseline"):
        SequentialGate(baseline, limits(two=TaskPolicy(max_drop=0.1)))
