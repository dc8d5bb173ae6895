"""What a fault costs: an answer that was written is never computed again, and a partial result says that it is one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from random import Random
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from benchmarks.campaign.corrupt_cache import damage
from benchmarks.campaign.host_killed import strike
from benchmarks.campaign.kill_resume import die
from benchmarks.campaign.lab import Finding, Lab
from benchmarks.campaign.table import table, write_into
from fasteval.cache import ResponseCache
from fasteval.errors import ErrorLimitError, RequestError, UsageError
from fasteval.evaluation import RunSettings
from fasteval.evaluation import evaluate as run
from fasteval.evaluation.errorlimit import ErrorLimit
from fasteval.evaluation.interruption import Interruption, RunInterrupted
from fasteval.models.replay import ReplayEngine
from tests.stubs import echo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fasteval.api.request import EngineRequest, Response

TASK = """
    task: questions
    dataset_path: json
    dataset_kwargs: {data_files: {test: docs.jsonl}}
    test_split: test
    output_type: generate_until
    doc_to_text: "{{question}}"
    doc_to_target: answer
    generation_kwargs: {max_new_tokens: 4}
    metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
"""
WAITING = """
    filter_list: [{name: later, filter: [{function: !function utils.Later}]}]
"""
LATER = """
from fasteval.filters.base import Filter
class Later(Filter):
    def apply(self, resps, docs):
        return [answers[0] for answers in resps]
"""
COUNTS = ("cache_hits", "sent")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "questions.yaml").write_text(textwrap.dedent(TASK))
    lines = [orjson.dumps({"question": f"q{number}", "answer": f"echo q{number}"}) for number in range(40)]
    (folder / "docs.jsonl").write_bytes(b"\n".join(lines))
    return folder


def settings(folder: Path, answer: Callable[[EngineRequest], Response] = echo, **options: Any) -> RunSettings:
    values = {"model": ReplayEngine(answer), "tasks": ("questions",), "include_path": (str(folder),), "window": 4}
    return RunSettings(**{**values, **options})


def refusing(*questions: str) -> Callable[[EngineRequest], Response]:
    def answer(request: EngineRequest) -> Response:
        if request.prompt.plain_text() in questions:
            raise RequestError("too long")
        return echo(request)

    return answer


# --on_error


@pytest.mark.parametrize(
    ("text", "most"),
    [("finish", float("inf")), ("fail", 0), ("threshold=1%", 2), ("threshold=0.5%", 1), ("threshold=3", 3)],
)
def test_what_on_error_allows_of_200_documents(text: str, most: float) -> None:
    assert most == ErrorLimit.parse(text).most(200)


@pytest.mark.parametrize("text", ["stop", "threshold", "threshold=", "threshold=-1", "threshold=101%", "threshold=x%"])
def test_anything_else_on_error_is_refused(folder: Path, text: str) -> None:
    with pytest.raises(UsageError, match="threshold=<share>%"):
        settings(folder, on_error=text)


@pytest.mark.parametrize("waits", [False, True])
def test_a_threshold_stops_the_run_once_more_documents_have_failed(folder: Path, waits: bool) -> None:
    if waits:  # filters that see all documents fail them at the end only
        (folder / "questions.yaml").write_text(textwrap.dedent(TASK + WAITING))
        (folder / "utils.py").write_text(LATER)
    two = refusing("q3", "q9")
    assert 2 == run(settings(folder, two, on_error="threshold=5%")).errors
    message = r"2 of 40 documents have no score, more than --on_error threshold=4% allows; .* document \d: too long"
    with pytest.raises(ErrorLimitError, match=message):
        run(settings(folder, two, on_error="threshold=4%"))


def test_a_document_that_nobody_can_prompt_counts_before_anything_is_asked(folder: Path) -> None:
    lines = (folder / "docs.jsonl").read_bytes().splitlines()
    (folder / "docs.jsonl").write_bytes(b"\n".join([*lines, orjson.dumps({"question": None, "answer": ""})]))
    yaml = (folder / "questions.yaml").read_text().replace('"{{question}}"', '"{{question + \\"\\"}}"')
    (folder / "questions.yaml").write_text(yaml)
    configured = settings(folder, on_error="fail")
    with pytest.raises(ErrorLimitError, match="questions, document 40"):
        run(configured)
    assert [] == configured.model.requests  # type: ignore[union-attr]  # the replay engine


# Signals


def test_a_signal_ends_the_stream_and_what_is_done_becomes_a_partial_result(folder: Path, tmp_path: Path) -> None:
    asked = 0

    def answer(request: EngineRequest) -> Response:
        nonlocal asked
        asked += 1
        if asked == 10:
            os.kill(os.getpid(), signal.SIGTERM)
        return echo(request)

    with Interruption() as interruption:
        results = run(settings(folder, answer, use_cache=tmp_path / "cache"), interruption=interruption)
    assert (True, False, 143) == (results.interrupted, results.is_complete, interruption.exit_code)
    task = results.tasks["questions"]
    assert 10 <= task.n_effective <= 12
    assert 1.0 == task.metrics["exact_match,none"]
    written = results.to_dict()
    assert (True, False) == (written["interrupted"], written["is_complete"])
    assert "Tasks (partial)" in results.table()
    rest = settings(folder, use_cache=tmp_path / "cache")
    assert 40 == run(rest).tasks["questions"].n_effective
    assert 40 - task.n_effective == len(rest.model.requests)  # type: ignore[union-attr]  # the replay engine


def test_a_signal_where_there_is_nothing_to_keep_ends_the_run_there() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(RunInterrupted) as caught, Interruption():
        signal.raise_signal(signal.SIGTERM)
    assert 143 == caught.value.exit_code
    assert before == signal.getsignal(signal.SIGTERM)


def test_a_second_signal_ends_at_once() -> None:
    program = """
        import os, signal, time
        from fasteval.evaluation.interruption import Interruption
        with Interruption() as interruption, interruption.deferred():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert 143 == result.returncode
    assert "stopping; what is done is kept" in result.stderr


# Killed runs and engines: real ones


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(tmp_path_factory.mktemp("lab"), limit=40)


@pytest.mark.engine
def test_a_run_that_is_killed_is_finished_by_the_same_command_which_computes_no_answer_twice(lab: Lab) -> None:
    draw = Random(3)
    deaths = [die(lab, "generating", draw), die(lab, "writing", draw, cache=lab.copy_of_cache("writing"))]
    for death in deaths:
        print(death)
        assert (0, 0) == (death.again, death.wrong)
        assert 0 <= death.in_flight <= death.window
    assert 0 < deaths[0].written < lab.reference.unique == deaths[1].written


@pytest.mark.engine
def test_an_engine_that_is_killed_and_one_that_hangs_cost_no_answer(lab: Lab) -> None:
    # A narrow window: on a busy machine all that a wide one holds is answered between two looks at the answers.
    finding = strike(lab, [signal.SIGKILL, signal.SIGSTOP], "--heartbeat_timeout", "10", "--window", "64")
    assert (0, 0) == (finding.lost, finding.wrong)
    assert finding.costs.startswith("restarts: 2;")


# The cache and the disk


def test_a_thousand_damaged_lines_are_asked_again_and_no_number_changes(folder: Path, tmp_path: Path) -> None:
    lines = [orjson.dumps({"question": f"q{number}", "answer": f"echo q{number % 7}"}) for number in range(1500)]
    (folder / "docs.jsonl").write_bytes(b"\n".join(lines))
    cached: dict[str, Any] = {"use_cache": tmp_path / "cache", "window": 512}
    expected = run(settings(folder, **cached)).tasks["questions"]
    damaged = 1000 - damage(tmp_path / "cache", Random(1), 1000)
    for most in (2 * damaged, 0):
        again = settings(folder, **cached)
        found = run(again).tasks["questions"]
        assert expected.metrics == found.metrics
        assert [sample.to_dict() for sample in expected.samples] == [sample.to_dict() for sample in found.samples]
        assert len(again.model.requests) <= most  # type: ignore[union-attr]  # the replay engine


def test_a_full_disk_is_one_line_and_what_was_written_before_is_not_asked_again(folder: Path, tmp_path: Path) -> None:
    answers = [{"prompt": f"q{number}", "text": f"echo q{number}"} for number in range(40)]
    (tmp_path / "answers.jsonl").write_bytes(b"\n".join(map(orjson.dumps, answers)))
    program = """
        import resource, sys
        from fasteval.cli import main
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
        raise SystemExit(main(sys.argv[2:]))
    """
    flags = ["--model", "replay", "--model_args", f"answers={tmp_path / 'answers.jsonl'}", "--tasks", "questions"]
    flags += ["--include_path", str(folder), "--use_cache", str(tmp_path / "cache")]
    command = [sys.executable, "-c", textwrap.dedent(program)]
    full = subprocess.run([*command, "4096", *flags], check=False, capture_output=True, text=True)
    assert 1 == full.returncode
    assert "cannot write to the response cache" in full.stderr.splitlines()[-1]
    with ResponseCache.open(tmp_path / "cache") as cache:
        written = len(cache)
    assert 0 < written < 40
    output = tmp_path / "results.json"
    subprocess.run([*command, "-1", *flags, "--output_path", str(output)], check=True, capture_output=True)
    assert (written, 40 - written) == tuple(orjson.loads(output.read_bytes())["throughput"][name] for name in COUNTS)


def test_a_fault_that_is_done_again_replaces_its_row_of_the_table(tmp_path: Path) -> None:
    document = tmp_path / "faults.md"
    document.write_text(f"before\n\n{table({})}\nafter\n")
    write_into(document, {"one": Finding("a | b", 0, 0, "time"), "two": Finding("c", 0, 0, "")})
    write_into(document, {"one": Finding("d", 1, 0, "", "oh")})
    rows = ["| one | d | 1 | nothing |  | `` oh `` |", "| two | c | nothing | nothing |  |  |"]
    header = table({}).splitlines()
    assert ["before", "", *header, *rows, "", "after"] == document.read_text().splitlines()
