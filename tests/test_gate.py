"""The gate: what passes, what does not, what nobody can tell, and how each is said."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from lxml import etree

from fasteval.cli import main
from fasteval.errors import IncomparableError, UnknownNameError, UsageError
from fasteval.gate import GateReport, Outcome, Policy, TaskPolicy, Verdict, gate_markdown, judge, junit_xml, read_policy
from fasteval.results.saved import saved_form
from tests.saved_runs import run, saved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fasteval.results.saved import SavedRun

DOCS = Path(__file__).parent.parent / "docs"
SCHEMA = Path(__file__).parent / "data" / "junit" / "strict.xsd"
GOOD = [0.0] * 50 + [1.0] * 450
WORSE = [0.0] * 150 + [1.0] * 350
SLIGHTLY = [0.0] * 58 + [1.0] * 442


def policy(**limits: Any) -> Policy:
    return Policy(tasks={"t": TaskPolicy(**({"max_drop": 0.02} | limits))})


def verdict(base: Sequence[float], candidate: Sequence[float | None], rules: Policy | None = None) -> Verdict:
    return judge(saved({"t": base}), saved({"t": candidate}), rules or policy()).verdict


# Verdicts.


def test_a_candidate_that_is_no_worse_may_go() -> None:
    assert Verdict.GO == verdict(GOOD, GOOD)


def test_a_candidate_that_is_clearly_worse_may_not() -> None:
    assert Verdict.NO_GO == verdict(GOOD, WORSE)


def test_where_the_interval_holds_the_limit_nobody_can_tell() -> None:
    assert Verdict.INCONCLUSIVE == verdict(GOOD, SLIGHTLY)
    assert Verdict.GO == verdict(GOOD, SLIGHTLY, policy(max_drop=0.05))


def test_a_handful_of_documents_that_agree_is_not_enough() -> None:
    assert Verdict.INCONCLUSIVE == verdict([1.0] * 10, [1.0] * 10)


def test_no_drop_is_allowed_where_the_limit_is_zero() -> None:
    assert Verdict.INCONCLUSIVE == verdict(GOOD, GOOD, policy(max_drop=0))
    assert Verdict.GO == verdict(WORSE, GOOD, policy(max_drop=0))


@pytest.mark.parametrize("candidate", [[None, *GOOD[1:]], [None, *WORSE[1:]]])
def test_any_error_row_makes_it_inconclusive(candidate: list[float | None]) -> None:
    assert Verdict.INCONCLUSIVE == verdict(GOOD, candidate)
    report = judge(saved({"t": candidate}), saved({"t": GOOD}), policy())
    assert Verdict.INCONCLUSIVE == report.verdict
    assert "1 document has no score in the baseline: no answer" == report.checks[0].text


def test_a_floor_holds_the_reported_value() -> None:
    assert Verdict.GO == verdict(GOOD, GOOD, policy(floor=0.9))
    assert Verdict.NO_GO == verdict(GOOD, GOOD, policy(floor=0.901))


def test_an_advisory_task_is_reported_and_decides_nothing() -> None:
    rules = Policy(tasks={"a": TaskPolicy(max_drop=0.02), "b": TaskPolicy(max_drop=0.02, level="advisory")})
    report = judge(saved({"a": GOOD, "b": GOOD}), saved({"a": GOOD, "b": WORSE}), rules)
    assert (Verdict.GO, Outcome.FAILED) == (report.verdict, report.checks[1].outcome)


def test_truncated_answers_are_limited() -> None:
    base, candidate = saved({"t": GOOD}), saved({"t": GOOD}, truncated=range(10))
    assert Verdict.GO == judge(base, candidate, policy(max_truncated=0.02)).verdict
    assert Verdict.NO_GO == judge(base, candidate, policy(max_truncated=0.019)).verdict


def test_where_less_is_better_a_rise_is_the_drop() -> None:
    def direct(scores: Sequence[float]) -> SavedRun:
        return saved({"t": scores}, higher_is_better={"exact_match": False})

    assert Verdict.NO_GO == judge(direct(WORSE), direct(GOOD), policy()).verdict
    assert Verdict.GO == judge(direct(GOOD), direct(WORSE), policy(ceiling=0.75)).verdict
    with pytest.raises(UsageError, match="floor: of exact_match,none less is better: give it a ceiling"):
        judge(direct(GOOD), direct(GOOD), policy(floor=0.5))


def test_a_task_that_was_not_run_is_inconclusive_and_one_that_nobody_knows_an_error() -> None:
    rules = Policy(tasks={"a": TaskPolicy(max_drop=0.02), "b": TaskPolicy(max_drop=0.02)})
    report = judge(saved({"a": GOOD, "b": GOOD}), saved({"a": GOOD}), rules)
    assert (Verdict.INCONCLUSIVE, "the candidate has no such task") == (report.verdict, report.checks[1].text)
    with pytest.raises(UnknownNameError, match=r"task 'tt'.*did you mean 't'"):
        judge(saved({"t": GOOD}), saved({"t": GOOD}), Policy(tasks={"tt": TaskPolicy(max_drop=0.1)}))


def test_a_run_that_was_interrupted_is_inconclusive() -> None:
    from dataclasses import replace

    half = saved_form(replace(run({"t": GOOD}), interrupted=True))
    assert Verdict.INCONCLUSIVE == judge(saved({"t": GOOD}), half, policy()).verdict


def test_many_tasks_do_not_add_up_to_a_false_no_go() -> None:
    """Each task stands at its very limit; with one test each at 5 %, one run in three would be refused."""
    rng = np.random.default_rng(11)
    names = [f"task {number}" for number in range(8)]
    rules = Policy(tasks={name: TaskPolicy(max_drop=0.05) for name in names})
    base = saved({name: [1.0] * 150 for name in names})
    refused = 0
    for _ in range(15):
        candidate = {name: (rng.random(150) > 0.05).astype(float).tolist() for name in names}
        refused += judge(base, saved(candidate), rules).verdict is Verdict.NO_GO
    assert refused <= 2


def test_what_is_not_comparable_is_not_judged() -> None:
    with pytest.raises(IncomparableError, match="--force judges anyway"):
        judge(saved({"t": GOOD}), saved({"t": GOOD}, version=2), policy())
    report = judge(saved({"t": GOOD}), saved({"t": GOOD}, version=2), policy(), force=True)
    assert (Verdict.GO, ("t: other scoring: version 1 and 2",)) == (report.verdict, tuple(report.forced))


def test_a_drop_needs_numbers_of_single_documents() -> None:
    changes = {"metrics": {"exact_match,none": 0.9, "f1,none": 0.4}}
    base = saved({"t": GOOD}, **changes)
    with pytest.raises(UsageError, match="no document has a number of its own for f1"):
        judge(base, base, policy(metric="f1"))
    floor_only = Policy(tasks={"t": TaskPolicy(metric="f1", floor=0.3)})
    assert Verdict.GO == judge(base, base, floor_only).verdict


# The policy.


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "gate.yaml"
    path.write_text(text)
    return path


def test_tasks_take_what_the_defaults_say_unless_they_say_otherwise(tmp_path: Path) -> None:
    text = """
        confidence: 0.9
        defaults: {max_drop: 0.01, level: advisory}
        tasks: {a: , b: {level: critical, max_drop: 0.05, metric: acc}}
    """
    rules = read_policy(written(tmp_path, text))
    assert 0.9 == rules.confidence
    assert TaskPolicy(level="advisory", max_drop=0.01) == rules.tasks["a"]
    assert TaskPolicy(level="critical", max_drop=0.05, metric="acc") == rules.tasks["b"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("task: {a: {floor: 1}}", r"unknown key 'task': did you mean 'tasks'\? \(in .*gate.yaml; it has confidence"),
        ("tasks: {a: {max_dorp: 1}}", r"unknown key 'max_dorp': did you mean 'max_drop'\? \(in .*gate.yaml: tasks: a"),
        ("defaults: {flor: 1}\ntasks: {a: }", "did you mean 'floor'"),
        ("tasks: {a: {max_drop: -1}}", "gate.yaml: tasks: a: max_drop: -1 is negative"),
        ("tasks: {a: {max_drop: 1%}}", "tasks: a: max_drop: '1%' is no number"),
        ("tasks: {a: {max_truncated: 2}}", "max_truncated: 2 is no share"),
        ("tasks: {a: {level: vital, floor: 1}}", "level: 'vital' is not one of critical, advisory"),
        ("tasks: {a: {floor: 0, ceiling: 1}}", "floor and ceiling"),
        ("tasks: {a: {floor: 0, score_range: [1, 0]}}", "score_range"),
        ("tasks: {a: {metric: acc}}", "tasks: a: no limit is set"),
        ("tasks: {a: {level: advisory, floor: 1}}", "no task is critical"),
        ("tasks: [a]", "tasks: expected keys with values"),
        ("tasks: ", "no task is named"),
        ("confidence: 2\ntasks: {a: {floor: 1}}", "confidence: 2 does not lie between"),
        ("tasks: {a: !!python/object:os.system {}}", "is not YAML"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_wrong_policy_is_one_line_that_says_where(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        read_policy(written(tmp_path, text))


def test_the_policies_of_the_docs_are_valid(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", (DOCS / "gate.md").read_text("utf-8"), re.DOTALL)
    shown = read_policy(written(tmp_path, block)).tasks["easy_vqa"]
    assert (0.9, 0.03, 0.01, [0, 1]) == (shown.floor, shown.max_drop, shown.max_truncated, shown.score_range)
    assert not read_policy(DOCS / "examples" / "gate-policy.yaml").tasks["easy_vqa_mme"].is_critical


def test_a_policy_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the policy .*gone\.yaml: No such file"):
        read_policy(tmp_path / "gone.yaml")


# JUnit and Markdown.


def reports() -> dict[str, GateReport]:
    rules = Policy(tasks={"a": TaskPolicy(max_drop=0.02, floor=0.5), "b": TaskPolicy(max_drop=0.02, level="advisory")})
    base = saved({"a": GOOD, "b": GOOD})
    return {
        "go": judge(base, saved({"a": GOOD, "b": WORSE}), rules),
        "no-go": judge(base, saved({"a": WORSE, "b": GOOD}), rules),
        "inconclusive": judge(base, saved({"a": [None, *SLIGHTLY[1:]], "b": GOOD}), rules),
    }


@pytest.mark.parametrize("name", ["go", "no-go", "inconclusive"])
def test_the_junit_file_is_valid_and_counts_right(name: str) -> None:
    report = reports()[name]
    text = junit_xml(report, started_at=1_700_000_000.0, seconds=1.5)
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(etree.fromstring(text))
    suites = list(JUnitXml.fromstring(text))
    assert ["a", "b"] == [suite.name for suite in suites]
    cases = [case for suite in suites for case in suite]
    assert [check.name for check in report.checks] == [case.name for case in cases]
    kinds: dict[type, int] = dict.fromkeys((Failure, Error, Skipped), 0)
    for case in cases:
        for result in case.result:
            kinds[type(result)] += 1
    expected = {"go": (0, 0, 1), "no-go": (1, 0, 0), "inconclusive": (0, 2, 0)}[name]
    assert expected == tuple(kinds.values())
    assert expected == tuple(
        sum(getattr(suite, total) for suite in suites) for total in ("failures", "errors", "skipped")
    )


def test_control_characters_of_answers_and_names_do_not_break_the_file() -> None:
    from dataclasses import replace

    report = reports()["inconclusive"]
    evil = "\x00\x1b[2J\ud800￾<&>\"'\n]]>"
    checks = [replace(check, task=f"t{evil}", text=f"why {evil}") for check in report.checks]
    broken = replace(report, checks=checks, candidate=(evil, evil), forced=[evil])
    text = junit_xml(broken, started_at=0.0, seconds=0.0)
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(etree.fromstring(text))
    (suite,) = JUnitXml.fromstring(text)
    assert "<&>" in suite.name
    assert "<" not in gate_markdown(broken).replace("\\", "").replace("&lt;", "")


def test_the_job_summary_begins_with_the_verdict() -> None:
    assert gate_markdown(reports()["no-go"]).startswith("## ❌ fasteval gate: NO-GO\n")


# The command.


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, scores in (("base", GOOD), ("good", GOOD), ("worse", WORSE), ("slightly", SLIGHTLY)):
        run({"t": scores}).save(tmp_path / name)
    written(tmp_path, "tasks: {t: {max_drop: 0.02}}")
    return tmp_path


def command(folder: Path, *words: str) -> list[str]:
    return ["gate", "--baseline", str(folder / "base"), "--policy", str(folder / "gate.yaml"), *words]


@pytest.mark.parametrize(("candidate", "code"), [("good", 0), ("worse", 10), ("slightly", 11)])
def test_each_verdict_has_its_exit_code(
    folder: Path, candidate: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code == main(command(folder, str(folder / candidate), "--junit", str(folder / "deep" / "gate.xml")))
    lines = capsys.readouterr().out.splitlines()
    assert {0: "GO", 10: "NO-GO", 11: "INCONCLUSIVE"}[code] == lines[0]
    assert 1 == len(list(JUnitXml.fromfile(str(folder / "deep" / "gate.xml"))))


def test_failures_have_other_codes(folder: Path) -> None:
    assert 1 == main(command(folder, str(folder / "gone")))
    assert 2 == main(command(folder))
    assert 2 == main(command(folder, str(folder / "good"), "--model", "demo"))
    assert 2 == main(["gate", "--baseline", str(folder / "base"), "--policy", "gone.yaml", str(folder / "good")])


def test_the_summary_of_a_github_job_is_appended_to(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = folder / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert 0 == main(command(folder, str(folder / "good"), "--json"))
    assert summary.read_text().startswith("before\n## ✅ fasteval gate: GO")
    facts = json.loads(capsys.readouterr().out)
    assert ("GO", 0, "passed") == (facts["verdict"], facts["exit_code"], facts["checks"][0]["outcome"])


def test_the_gate_of_saved_runs_imports_no_engine(folder: Path) -> None:
    """A job that only judges installs neither torch nor vLLM."""
    program = (
        "import sys\nfrom fasteval.cli import main\ncode = main(sys.argv[1:])\n"
        "heavy = {'torch', 'transformers', 'vllm', 'datasets', 'scipy', 'pandas'} & set(sys.modules)\n"
        "sys.exit(code if not heavy else f'imported {heavy}')"
    )
    words = [sys.executable, "-c", program, *command(folder, str(folder / "worse"))]
    result = subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ)
    assert (10, "NO-GO") == (result.returncode, result.stdout.splitlines()[0]), result.stderr
