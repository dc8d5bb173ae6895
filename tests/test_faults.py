"""What a fault costs: an answer that was written is never computed again, and a partial result says that it is one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import orjson
import pytest

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
    with pytest.raises(RunInterrupted) as caught, Interruption():
        signal.raise_signal(signal.SIGTERM)
    assert 143 == caught.value.exit_code
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


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
