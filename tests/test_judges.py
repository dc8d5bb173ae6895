"""Judges: a model that scoring asks about answers, natively and by the names of lmms-eval's folders."""

from __future__ import annotations

import base64
import io
import threading
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

import fasteval
from fasteval import compat
from fasteval.api.prompt import Prompt
from fasteval.api.request import EngineRequest, Response
from fasteval.cache import ResponseCache
from fasteval.compat.judge import JudgeServer, Request, ServerConfig
from fasteval.compat.openaiverifier import OpenAIVerifier
from fasteval.errors import JudgeError, RequestError, TaskFileError, UsageError
from fasteval.evaluation.panel import Panel
from fasteval.judging import Judge, noting, presiding
from fasteval.judging.verdicts import read_binary, read_comparative, read_rubric
from fasteval.models.engine import Capabilities
from fasteval.models.replay import ReplayEngine
from tests.task_folders import make, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fasteval.results.model import Results

FOREIGN = """
    from lmms_eval.llm_judge import get_server, ServerConfig

    def process_results(doc, results):
        server = get_server(server_name="openai", config=ServerConfig(model_name="gpt-4o"))
        try:
            verdict = server.evaluate_binary(question=doc["question"], answer=doc["answer"], prediction=results[0])
            return {"score": verdict["result"]}
        except Exception:
            return {"score": -1}
    """
FOREIGN_TASK = """
    process_results: !function utils.process_results
    metric_list: [{metric: score, aggregation: mean, higher_is_better: true}]
    """


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    yield
    compat.remove_all()


def says(text: Callable[[str], str] | str) -> ReplayEngine:
    """Returns an engine that answers each prompt's text with `text`."""

    def answer(request: EngineRequest) -> Response:
        words = text if isinstance(text, str) else text(request.prompt.plain_text())
        return Response((words,), prompt_tokens=10, output_tokens=2, finish_reason="stop")

    return ReplayEngine(answer, fingerprint="judge", capabilities=Capabilities(window=4))


def evaluate(task: Any, judge: Any, **options: Any) -> Results:
    """Evaluates a model that answers a0 to q0, a1 to q1 and so on, but `wrong` to q3 and q4."""

    def answer(request: EngineRequest) -> Response:
        number = request.prompt.plain_text()[-1]
        return Response((f"a{number}" if number < "3" else "wrong",), prompt_tokens=1, output_tokens=1)

    model = options.pop("model", None) or ReplayEngine(answer, fingerprint="model")
    return fasteval.evaluate(model, [task], judge=judge, **{"no_cache": True} | options)


def is_right(prompt: str) -> str:
    """Judges by the prompts of lmms-eval: right where the answer is in the prediction."""
    parts = (prompt.split(f"{part}:\n```\n")[1].partition("\n")[0] for part in ("Answer", "Prediction"))
    answer, prediction = parts
    return "1" if answer in prediction else "0"


# Natively.


def test_a_binary_judges_verdicts_become_the_metric(tmp_path: Path) -> None:
    results = evaluate(make(tmp_path, "judge: binary\n"), says(is_right))
    task = results.tasks["plain"]
    assert {"judge,none": 0.6} == task.metrics
    [judgement] = task.documents[0].samples[0].judgements or ()
    assert ("1", 10, 2, False) == tuple(
        judgement[name] for name in ("text", "prompt_tokens", "output_tokens", "was_cached")
    )
    assert "Model Prediction:\n```\na0\n```" in judgement["prompt"]


def test_results_name_the_judge_and_what_it_cost(tmp_path: Path) -> None:
    results = evaluate(make(tmp_path, "judge: binary\n"), says(is_right))
    counters = results.statistics.counters
    assert (5, 50, 10) == tuple(counters[f"judge_{name}"] for name in ("questions", "prompt_tokens", "output_tokens"))
    assert "judge" == results.manifest["judge"]["fingerprint"]


def test_a_judge_stands_beside_other_metrics_and_a_prompt_of_ones_own(tmp_path: Path) -> None:
    field = """
        judge: {kind: binary, prompt: "{{number}}: is {{prediction}} {{target}}?", words: ["yes", "no"]}
        metric_list: [{metric: judge}, {metric: exact_match}]
        """
    asked: list[str] = []

    def judge(prompt: str) -> str:
        asked.append(prompt)
        return "Yes."

    results = evaluate(make(tmp_path, field), says(judge))
    assert {"judge,none": 1.0, "exact_match,none": 0.6} == results.tasks["plain"].metrics
    assert "0: is a0 a0?" in asked


def test_a_comparative_judge_is_asked_in_both_orders(tmp_path: Path) -> None:
    results = evaluate(make(tmp_path, "judge: comparative\n"), says("8 5\nThe first is longer."))
    assert {"judge,none": 0.5} == results.tasks["plain"].metrics
    assert 10 == results.statistics.counters["judge_questions"]


def test_a_rubric_gives_a_mark_for_each_item_and_their_mean(tmp_path: Path) -> None:
    field = """
        judge: {kind: rubric, rubric: {style: 0 to 1, facts: 0 to 1}}
        metric_list: [{metric: judge}, {metric: judge_style}]
        """
    results = evaluate(make(tmp_path, field), says('Here: {"style": 1, "facts": 0}'))
    assert {"judge,none": 0.5, "judge_style,none": 1.0} == results.tasks["plain"].metrics


def test_a_judge_that_fails_costs_a_row_and_not_a_score(tmp_path: Path) -> None:
    def judge(prompt: str) -> str:
        if "a1" in prompt:
            raise RequestError("too busy")
        return "perhaps" if "a2" in prompt else is_right(prompt)

    results = evaluate(make(tmp_path, "judge: binary\n"), says(judge))
    task = results.tasks["plain"]
    assert 1 / 3 == pytest.approx(task.metrics["judge,none"])
    assert (2, False) == (task.errors, results.is_complete)
    reasons = [document.error for document in task.documents if document.error]
    assert "the judge ReplayEngine gave no answer: too busy" in str(reasons[0])
    assert "the judge's answer has neither 1 nor 0: 'perhaps'" in str(reasons[1])


def test_a_judge_is_asked_while_the_model_still_answers(tmp_path: Path) -> None:
    was_asked = threading.Event()

    def model(request: EngineRequest) -> Response:
        if not request.prompt.plain_text().endswith("q0"):
            assert was_asked.wait(10)
        return Response(("a",), prompt_tokens=1, output_tokens=1)

    def judge(_: str) -> str:
        was_asked.set()
        return "1"

    results = evaluate(make(tmp_path, "judge: binary\n"), says(judge), model=ReplayEngine(model), window=1)
    assert {"judge,none": 1.0} == results.tasks["plain"].metrics


def test_a_judge_on_this_machine_waits_until_the_model_is_gone() -> None:
    judge = Judge("here", says("1"), ResponseCache.in_memory(), seed=0, runs_here=True)
    panel, done = Panel(judge, []), threading.Event()
    panel.submit(done.set)
    assert not done.wait(0.05)
    panel.begin()
    assert done.wait(10)
    panel.close()
    judge.close()


def test_a_judge_on_this_machine_has_room_made_for_it_before_it_is_loaded() -> None:
    happened: list[str] = []
    engine = says("1")
    engine.start = lambda: happened.append("start")  # type: ignore[method-assign]
    options: dict[str, Any] = {"seed": 0, "make_room": lambda: happened.append("make room")}
    for runs_here in (True, False):
        judge = Judge("judge", engine, ResponseCache.in_memory(), runs_here=runs_here, **options)
        judge.ask(Prompt(text="?"), {})
        judge.close()
    assert ["make room", "start", "start"] == happened


def test_a_judges_answers_are_kept_and_equal_questions_are_asked_once(tmp_path: Path) -> None:
    folder = write(tmp_path, {})
    task = make(folder, "judge: {kind: binary, prompt: the same for all}\n")
    first, second = says("1"), says("0")
    for judge in (first, second):
        results = evaluate(task, judge, no_cache=False, use_cache=str(tmp_path / "cache"))
        assert {"judge,none": 1.0} == results.tasks["plain"].metrics
    assert (1, 0) == (len(first.requests), second.started)


def test_a_task_that_declares_a_judge_does_not_start_without_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the task plain is scored by a judge, and the run has none: pass --judge"):
        evaluate(make(tmp_path, "judge: binary\n"), None)
    assert evaluate(make(tmp_path, "judge: binary\n"), None, predict_only=True).is_complete


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("judge: binery", "the kind 'binery' is not supported: did you mean 'binary'"),
        ("judge: {prompt: x}", "name the kind"),
        ("judge: {kind: binary, promt: x}", "unknown key 'promt': did you mean 'prompt'"),
        ("judge: rubric", "needs a mapping 'rubric'"),
        ("judge: {kind: binary, words: [yes]}", "words: expected a list of two"),
        ("judge: {kind: binary, words: [yes, no]}", "in YAML yes and no need quotes"),
        ("judge: {kind: binary, prompt: '{{'}", "prompt: not a template"),
        ("judge: {kind: binary, generation_kwargs: {temprature: 0}}", "generation_kwargs: unknown"),
        ("judge: binary\noutput_type: loglikelihood", "a judge reads texts"),
    ],
)
def test_a_wrong_rule_is_named_with_its_place(tmp_path: Path, field: str, reason: str) -> None:
    with pytest.raises(TaskFileError, match=rf"plain\.yaml:\d+: judge: .*{reason}"):
        make(tmp_path, field + "\n")


# What judges say.


@pytest.mark.parametrize(
    ("expected", "said"),
    [(True, "1"), (False, "0"), (True, "Score: 1."), (True, "<think>0?</think>1"), (False, "[0]"), (None, "10"),
     (None, "1 or 0"), (None, ""), (None, "0.5")],
)  # fmt: skip
def test_a_binary_verdict_is_one_of_two_words(expected: bool | None, said: str) -> None:
    if expected is None:
        with pytest.raises(JudgeError):
            read_binary(said)
    else:
        assert expected is read_binary(said)


def test_scores_are_in_the_first_line_and_marks_in_an_object() -> None:
    assert (8.0, 6.5) == read_comparative("8 6.5\n1 2 3")
    assert {"a": 1} == read_rubric('```json\n{"a": 1}\n```')
    for read, said in ((read_comparative, "both are good\n8 6"), (read_rubric, "{a}"), (read_rubric, "8")):
        with pytest.raises(JudgeError):
            read(said)


# In folders for lmms-eval.


def test_a_folder_for_lmms_eval_asks_the_runs_judge(tmp_path: Path) -> None:
    results = evaluate(make(tmp_path, FOREIGN_TASK, FOREIGN), says(is_right))
    assert {"score,none": 0.6} == results.tasks["plain"].metrics


@pytest.mark.parametrize(
    ("judge", "reason"), [("neither", "the judge's answer has neither 1 nor 0"), (None, "pass --judge openai")]
)
def test_a_failure_that_task_code_swallows_is_an_error_row_all_the_same(
    tmp_path: Path, judge: str | None, reason: str
) -> None:
    results = evaluate(make(tmp_path, FOREIGN_TASK, FOREIGN), None if judge is None else says(judge))
    errors = [document.error or "" for document in results.tasks["plain"].documents]
    assert 5 == len(errors)
    assert all(reason in error for error in errors)


def with_judge(text: str) -> tuple[ReplayEngine, Any]:
    engine = says(text)
    return engine, presiding(Judge("judge", engine, ResponseCache.in_memory(), seed=0, runs_here=False))


def test_a_server_is_asked_with_system_prompt_images_and_sampling() -> None:
    engine, judge = with_judge("fine")
    picture = io.BytesIO()
    Image.new("RGB", (1, 1)).save(picture, "PNG")
    dot = f"data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}"
    content = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": dot}}]
    config = ServerConfig("gpt", temperature=0.5, max_tokens=7, top_p=0.9, system_prompt="Be strict.")
    with judge:
        response = JudgeServer(config).evaluate(Request([{"role": "user", "content": content}]))
    assert ("fine", {"prompt_tokens": 10, "completion_tokens": 2}) == (response.content, response.usage)
    [request] = engine.requests
    assert ["system", "user"] == [message["role"] for message in request.prompt.messages or ()]
    assert ["media", "text"] == [part["type"] for part in (request.prompt.messages or [])[1]["content"]]
    assert {"temperature": 0.5, "max_new_tokens": 7, "top_p": 0.9} == request.generation_kwargs


def test_comparative_and_rubric_judges_answer_under_their_names() -> None:
    _, judge = with_judge('8 5\n{"a": 2}')
    with judge:
        assert (8.0, 5.0) == JudgeServer().evaluate_comparative("?", "one", "two")["scores"]
        assert {"a": 2} == JudgeServer().evaluate_with_rubric("?", "one", {"a": "0 to 5"})["scores"]


@pytest.mark.parametrize(
    ("said", "options", "expected"),
    [
        ("1", {}, 1.0),
        ("INCORRECT", {"custom_prompt": "{question} {prediction} {ground_truth}"}, 0.0),
        ("Correct.", {"custom_prompt": lambda *words: " ".join(words)}, 1.0),
        ("7 of 10", {"custom_prompt": "?", "response_format": "score"}, 0.7),
        ("6 3", {"judge_type": "comparative"}, 0.6),
    ],
)
def test_a_verifier_asks_the_runs_judge(said: str, options: dict[str, Any], expected: float) -> None:
    _, judge = with_judge(said)
    with judge:
        assert expected == OpenAIVerifier("gpt", **options)("?", "a", "b").score


def test_a_verifier_without_a_verdict_fails_its_document() -> None:
    _, judge = with_judge("hm")
    with judge, noting() as notes, pytest.raises(JudgeError):
        OpenAIVerifier("gpt", custom_prompt="?")("?", "a", "b")
    assert "no verdict: 'hm'" in str(notes.failure)
