"""Two checkpoints of the demo model on real vLLM, compared and gated with the commands of the example workflow."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from junitparser import JUnitXml
from scipy import stats

from fasteval.results.saved import read_run
from tests.checkpoints import DEMO, perturb_demo

pytestmark = pytest.mark.engine

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"
STEPS = {
    step["name"]: step["run"].strip()
    for step in yaml.safe_load((EXAMPLES / "gate-workflow.yml").read_text())["jobs"]["gate"]["steps"]
    if "run" in step
}
DOCUMENTS = 600


def shell(folder: Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as a fresh job would: none of this process's environment but the path to the interpreter."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "PYTHONPATH": str(EXAMPLES.parent.parent),
        "FASTEVAL_CACHE": str(folder / "cache"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        **variables,
    }
    return subprocess.run(
        ["bash", "-ec", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the workflow finds it: the baseline's results and the policy."""
    folder = tmp_path_factory.mktemp("job")
    shutil.copy(EXAMPLES / "gate-policy.yaml", folder)
    words = f"--model demo --tasks easy_vqa,easy_vqa_mme --limit {DOCUMENTS} --output_path baseline/run.json"
    result = shell(folder, f"fasteval {words}")
    assert 0 == result.returncode, result.stderr
    return folder


def report(folder: Path, checkpoint: Path, *more: str) -> tuple[int, dict[str, Any]]:
    """Runs the gate's step, with JSON in place of lines; returns its exit code and its report."""
    result = shell(folder, " ".join([STEPS["Gate"], "--json", *more]), CHECKPOINT=str(checkpoint))
    assert result.stdout, result.stderr
    return result.returncode, json.loads(result.stdout)


def test_the_same_checkpoint_may_go_and_every_answer_comes_from_the_cache(job: Path) -> None:
    code, facts = report(job, DEMO)
    assert (0, "GO") == (code, facts["verdict"])
    assert 0 == facts["sequential"]["sent"]
    assert (job / "summary.md").read_text().startswith("## ✅ fasteval gate: GO")


def test_a_checkpoint_that_lost_much_may_not_and_most_requests_are_saved(job: Path, tmp_path: Path) -> None:
    broken = perturb_demo(tmp_path / "broken", 0.5)
    code, facts = report(job, broken)
    assert (10, "NO-GO") == (code, facts["verdict"])
    assert facts["sequential"]["saved"] >= 0.6
    assert (job / "summary.md").read_text().rstrip().endswith("saved") or "NO-GO" in (job / "summary.md").read_text()
    suite = next(iter(JUnitXml.fromfile(str(job / "gate.xml"))))
    assert suite.failures >= 1

    result = shell(job, STEPS["What changed"])
    assert 0 == result.returncode, result.stderr
    assert "| worse" in (job / "summary.md").read_text()
    assert b"Flipped documents" in (job / "comparison.html").read_bytes()
    agree_with_scipy(job)


def agree_with_scipy(job: Path) -> None:
    """Counts the flipped documents from the samples files alone, and asks scipy."""
    compared = shell(job, 'fasteval compare baseline/run.json candidate --json --cluster ""')
    main = next(task["main"] for task in json.loads(compared.stdout)["tasks"] if task["task"] == "easy_vqa")
    runs = [read_run(job / name).tasks["easy_vqa"].samples for name in ("baseline/run.json", "candidate")]
    base, candidate = ({sample["doc_id"]: sample["exact_match"] for sample in samples} for samples in runs)
    both = base.keys() & candidate.keys()
    gained = sum(base[number] < candidate[number] for number in both)
    lost = sum(base[number] > candidate[number] for number in both)
    assert (len(both), gained, lost) == (main["count"], main["gained"], main["lost"])
    assert stats.binomtest(gained, gained + lost).pvalue == pytest.approx(main["p_value"], rel=1e-6)


def test_a_baseline_with_an_error_row_is_inconclusive(job: Path) -> None:
    path = job / "baseline" / "run_samples_easy_vqa.jsonl"
    whole = path.read_text()
    first, *others = whole.splitlines()
    path.write_text("\n".join([json.dumps(json.loads(first) | {"error": "no answer"}), *others]))
    try:
        code, facts = report(job, DEMO)
    finally:
        path.write_text(whole)
    assert (11, "INCONCLUSIVE") == (code, facts["verdict"])
    assert "1 document has no score in the baseline: no answer" == facts["checks"][0]["text"]
