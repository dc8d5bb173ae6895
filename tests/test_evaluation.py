"""A run as a whole, on the replay engine: the number does not depend on how it was computed."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import orjson
import pytest

import fasteval
from fasteval.api.request import EngineRequest, Kind, Response
from fasteval.errors import ErrorLimitError, RequestError, TaskError, UnknownNameError, UsageError
from fasteval.models.create import ModelSource
from fasteval.models.replay import ReplayEngine
from fasteval.tasks import ConfigurableTask
from tests.stubs import echo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fasteval.results.model import Results

TASKS = {
    "generate": """
        output_type: generate_until
        doc_to_text: "{{question}}"
        doc_to_target: answer
        generation_kwargs: {max_new_tokens: 4, until: ["\\n"]}
        metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
    """,
    "sampled": """
        output_type: generate_until
        doc_to_text: "{{question}}"
        doc_to_target: answer
        repeats: 3
        generation_kwargs: {max_new_tokens: 4, do_sample: true, temperature: 0.8}
        filter_list:
          - name: majority
            filter: [{function: majority_vote}, {function: take_first}]
        metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
    """,
    "choices": """
        output_type: multiple_choice
        doc_to_text: "{{question}}"
        doc_to_choice: ["x", "y", "z"]
        doc_to_target: gold
        metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
    """,
    "normalised": """
        output_type: multiple_choice
        doc_to_text: "{{question}}"
        doc_to_choice: ["x", "y", "z"]
        doc_to_target: gold
        metric_list: [{metric: acc_mutual_info}, {metric: acc_norm_tokens}, {metric: margin}]
    """,
    "likelihood": """
        output_type: loglikelihood
        doc_to_text: "{{question}}"
        doc_to_target: answer
        metric_list:
          - {metric: perplexity, aggregation: perplexity, higher_is_better: false}
          - {metric: acc, aggregation: mean, higher_is_better: true}
    """,
    "rolling": """
        output_type: loglikelihood_rolling
        doc_to_text: ""
        doc_to_target: "{{question}}"
        metric_list: [{metric: word_perplexity, aggregation: weighted_perplexity, higher_is_better: false}]
    """,
    "rounds": """
        output_type: generate_until_multi_round
        doc_to_text: !function utils.ask
        doc_to_target: answer
        generation_kwargs: {max_new_tokens: 4, until: ["\\n"]}
        process_results: !function utils.score_rounds
        metric_list: [{metric: letters, aggregation: mean, higher_is_better: true}]
    """,
}
UTILS = """
def ask(doc, lmms_eval_specific_kwargs=None, round_idx=None, previous_output=None, previous_round_info=None):
    if round_idx is None:
        return doc["question"]
    if round_idx == 3:
        return [], None, True, previous_output, previous_round_info
    return [], doc["question"] + " after " + previous_output[-1], False, previous_output, round_idx


def score_rounds(doc, results):
    assert len(results) == 3, results
    return {"letters": sum(len(text) for text in results)}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    docs = [
        {"question": f"q{n % 17}", "answer": f"echo q{n % 17}" if n % 3 else "no", "gold": n % 3} for n in range(40)
    ]
    (tasks / "docs.jsonl").write_bytes(b"\n".join(orjson.dumps(doc) for doc in docs))
    (tasks / "utils.py").write_text(UTILS)
    for name, body in TASKS.items():
        data = "dataset_path: json\ndataset_kwargs: {data_files: {test: docs.jsonl}}\ntest_split: test\n"
        (tasks / f"{name}.yaml").write_text(f"task: {name}\n{data}{textwrap.dedent(body)}")
    return tasks


def evaluate(folder: Path, *names: str, engine: ReplayEngine | None = None, **options: Any) -> Results:
    options = {
        "no_cache": "use_cache" not in options,
        "include_path": (str(folder),),
        "bootstrap_iters": 50,
        **options,
    }
    return fasteval.evaluate(engine or ReplayEngine(echo), names or tuple(TASKS), **options)


def numbers(results: Results) -> dict[str, Any]:
    """Returns everything that must not depend on how the run went."""
    return {
        name: (dict(task.metrics), dict(task.stderrs), [sample.to_dict() for sample in task.samples])
        for name, task in results.tasks.items()
    }


@pytest.mark.parametrize("name", TASKS)
def test_window_order_and_completion_order_change_nothing(folder: Path, name: str) -> None:
    expected = numbers(evaluate(folder, name))
    assert expected[name][0]
    assert expected == numbers(evaluate(folder, name, window=1))
    assert expected == numbers(evaluate(folder, name, window=512, shuffle_seed=5))
    assert expected == numbers(evaluate(folder, name, engine=ReplayEngine(echo, newest_first=True), shuffle_seed=6))


@pytest.mark.parametrize("name", TASKS)
def test_a_cold_half_full_and_full_cache_change_nothing(folder: Path, tmp_path: Path, name: str) -> None:
    expected = numbers(evaluate(folder, name))
    cache = tmp_path / "cache"
    half, cold, full = ReplayEngine(echo), ReplayEngine(echo), ReplayEngine(echo)
    assert expected == numbers(evaluate(folder, name, engine=cold, use_cache=tmp_path / "other"))
    evaluate(folder, name, use_cache=cache, limit=9)
    assert expected == numbers(evaluate(folder, name, engine=half, use_cache=cache))
    assert expected == numbers(evaluate(folder, name, engine=full, use_cache=cache))
    assert 0 < len(half.requests) < len(cold.requests)
    assert (0, 0) == (len(full.requests), full.started)


class Hosted(ReplayEngine):
    """Notes when it starts."""

    def __init__(self, events: list[str]) -> None:
        super().__init__(echo)
        self.events = events

    def start(self) -> None:
        if not self.is_ready:
            self.events.append("start")
        super().start()


@pytest.mark.parametrize(
    ("expected", "known"),
    [
        (["start", "generate", "choices", "likelihood"], {}),
        (["generate", "start", "choices", "likelihood"], {"generate": 9}),
        (["generate", "choices", "start", "likelihood"], {"generate": None, "choices": 3}),
        (["generate", "choices", "likelihood"], {"generate": None, "choices": None, "likelihood": None}),
    ],
)
def test_an_engine_with_a_host_starts_at_the_first_task_that_the_cache_does_not_know(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    expected: list[str],
    known: dict[str, int | None],
) -> None:
    for name, limit in known.items():
        evaluate(folder, name, use_cache=tmp_path / "cache", limit=limit)
    events: list[str] = []
    engine = Hosted(events)
    compiled = ConfigurableTask.compile

    def compile_task(task: ConfigurableTask, *arguments: Any, **options: Any) -> Any:
        events.append(task.name)
        return compiled(task, *arguments, **options)

    source = ModelSource("hosted", "default", lambda *_: engine, host=lambda _: engine)
    monkeypatch.setattr(ConfigurableTask, "compile", compile_task)
    monkeypatch.setattr("fasteval.evaluation.session.resolve_model", lambda *_, **__: source)
    evaluate(folder, "generate", "choices", "likelihood", engine=engine, use_cache=tmp_path / "cache")
    assert expected == events


@pytest.mark.parametrize("name", TASKS)
def test_three_ranks_merged_are_one(folder: Path, name: str) -> None:
    from fasteval.evaluation.summary import merge, summarise
    from fasteval.tasks import TaskManager

    whole = evaluate(folder, name, limit=31, offset=2)
    ranks = [evaluate(folder, name, limit=31, offset=2, rank=rank, world_size=3) for rank in range(3)]
    documents = merge(rank.tasks[name].documents for rank in ranks)
    task = TaskManager(include_path=[str(folder)]).load_task_or_group([name])[name]
    merged = summarise(task, documents, bootstrap_iterations=50, seed=1234, n_docs=40, n_shot=0)
    assert whole.tasks[name].metrics == merged.metrics
    assert whole.tasks[name].stderrs == merged.stderrs
    assert [sample.doc_id for sample in whole.tasks[name].samples] == [sample.doc_id for sample in merged.samples]


def test_all_tasks_in_one_run_are_the_same_as_one_by_one(folder: Path) -> None:
    together = numbers(evaluate(folder))
    assert {name: numbers(evaluate(folder, name))[name] for name in TASKS} == together


def test_equal_questions_are_asked_once(folder: Path) -> None:
    engine = ReplayEngine(echo)
    results = evaluate(folder, "generate", "choices", engine=engine)
    assert 17 + 17 * 3 == len(engine.requests) == results.statistics.sent
    assert (40 + 120, 17 + 51) == (results.statistics.requests, results.statistics.unique_requests)


def refusing(question: str) -> Callable[[EngineRequest], Response]:
    def answer(request: EngineRequest) -> Response:
        if request.prompt.plain_text() == question:
            raise RequestError("prompt of 9 tokens is longer than the model's limit 8")
        return echo(request)

    return answer


def test_a_failed_request_is_an_error_row_left_out_of_the_metric_and_makes_the_run_incomplete(folder: Path) -> None:
    results = evaluate(folder, "generate", engine=ReplayEngine(refusing("q1")))
    task = results.tasks["generate"]
    assert (3, 40, False) == (task.errors, task.n_effective, results.is_complete)
    scored = [sample for sample in task.samples if sample.error is None]
    assert 37 == len(scored)
    assert sum(sample.metrics["exact_match"] for sample in scored) / 37 == pytest.approx(
        task.metrics["exact_match,none"]
    )
    assert {("generate", doc_id) for doc_id in (1, 18, 35)} == {row[:2] for row in results.error_rows()}


def test_on_error_fail_stops_at_the_first_and_keeps_what_was_answered(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ErrorLimitError, match=r"generate, document \d+: prompt of 9 tokens"):
        evaluate(folder, "generate", engine=ReplayEngine(refusing("q9")), on_error="fail", use_cache=tmp_path, window=4)
    engine = ReplayEngine(echo)
    evaluate(folder, "generate", engine=engine, use_cache=tmp_path)
    assert len(engine.requests) < 17


def test_a_document_whose_prompt_cannot_be_built_costs_one_row(folder: Path) -> None:
    docs = (folder / "docs.jsonl").read_bytes().splitlines()
    docs[4] = orjson.dumps({"question": None, "answer": "no", "gold": 1})
    (folder / "docs.jsonl").write_bytes(b"\n".join(docs))
    yaml = (folder / "generate.yaml").read_text().replace('"{{question}}"', '"{{question + \\"\\"}}"')
    (folder / "generate.yaml").write_text(yaml)
    results = evaluate(folder, "generate")
    assert (1, 40) == (results.tasks["generate"].errors, results.tasks["generate"].n_effective)
    ((name, doc_id, reason),) = results.error_rows()
    assert ("generate", 4) == (name, doc_id)
    assert reason


def test_scoring_that_raises_costs_one_row_and_an_aggregation_that_raises_one_metric(folder: Path) -> None:
    (folder / "utils.py").write_text(
        "def score(doc, results):\n"
        "    if doc['question'] == 'q2':\n        raise KeyError('no such thing')\n"
        "    return {'fine': 1.0, 'broken': 2.0}\n"
        "def explode(items):\n    raise ZeroDivisionError('nothing to divide')\n"
    )
    (folder / "fragile.yaml").write_text(
        (folder / "generate.yaml").read_text().replace("task: generate", "task: fragile").partition("metric_list")[0]
        + "process_results: !function utils.score\n"
        "metric_list:\n"
        "  - {metric: fine, aggregation: mean, higher_is_better: true}\n"
        "  - {metric: broken, aggregation: !function utils.explode, higher_is_better: true}\n"
    )
    results = evaluate(folder, "fragile", "generate")
    task = results.tasks["fragile"]
    assert {"fine,none": 1.0} == task.metrics
    assert 3 == task.errors
    assert "nothing to divide" in " ".join(task.failures)
    assert not results.is_complete
    assert results.tasks["generate"].metrics


class Classic(fasteval.lmms):
    """A model as somebody wrote it for lmms-eval."""

    def __init__(self, suffix: str = "") -> None:
        super().__init__()
        self.suffix = suffix

    def generate_until(self, requests: list[fasteval.Instance]) -> list[str]:
        answers = []
        for context, _kwargs, doc_to_visual, doc_id, task, split in [request.args for request in requests]:
            doc = self.task_dict[task][split][doc_id]
            assert doc["question"] == context
            assert [] == doc_to_visual(doc)
            answers.append(f"echo {context}{self.suffix}")
        return answers

    def loglikelihood(self, requests: list[fasteval.Instance]) -> list[tuple[float, bool]]:
        answers = []
        for request in requests:
            context, continuation = request.args[:2]
            response = echo(EngineRequest(0, Kind.LOGLIKELIHOOD, fasteval_prompt(context), str(continuation)))
            answers.append((float(response.logprob or 0), bool(response.is_greedy)))
        return answers


def fasteval_prompt(text: str) -> Any:
    from fasteval.api.prompt import Prompt

    return Prompt(text=text)


@pytest.mark.parametrize("name", ["generate", "choices"])
def test_a_model_written_by_a_user_gives_the_same_numbers(folder: Path, name: str) -> None:
    expected = evaluate(folder, name).tasks[name].metrics
    results = fasteval.evaluate(Classic(), [name], include_path=[str(folder)], no_cache=True)
    assert expected == results.tasks[name].metrics


def test_a_model_class_in_a_file_runs_with_its_arguments(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "my_model.py"
    path.write_text(
        "from fasteval import lmms\n"
        "class MyModel(lmms):\n"
        "    def __init__(self, word):\n        super().__init__()\n        self.word = word\n"
        "    def generate_until(self, requests):\n        return [self.word for _ in requests]\n"
    )
    results = fasteval.evaluate(
        f"{path}:MyModel", "generate", model_args="word=no", include_path=str(folder), no_cache=True
    )
    assert 14 / 40 == results.tasks["generate"].metrics["exact_match,none"]
    with pytest.raises(UnknownNameError, match="did you mean 'MyModel'"):
        fasteval.evaluate(f"{path}:MyMode", "generate", include_path=str(folder), no_cache=True)
    with pytest.raises(UsageError, match="wrd"):
        fasteval.evaluate(f"{path}:MyModel", "generate", model_args="wrd=no", include_path=str(folder), no_cache=True)


def test_gen_kwargs_override_the_tasks_own(folder: Path) -> None:
    engine = ReplayEngine(echo)
    evaluate(folder, "generate", engine=engine, gen_kwargs={"max_new_tokens": 99})
    assert {99} == {request.generation_kwargs["max_new_tokens"] for request in engine.requests}


@pytest.mark.parametrize(
    ("error", "message", "options"),
    [
        (UnknownNameError, "did you mean 'generate'", {"tasks": ["generat"]}),
        (UnknownNameError, "did you mean 'limit'", {"tasks": ["generate"], "limt": 3}),
        (UsageError, "--limit must be", {"tasks": ["generate"], "limit": -1}),
        (UsageError, "no tasks", {"tasks": []}),
        (TaskError, "nothing to evaluate", {"tasks": ["generate"], "offset": 1000}),
        (UnknownNameError, "temprature", {"tasks": ["generate"], "gen_kwargs": {"temprature": 1}}),
    ],
)
def test_a_mistake_is_one_clear_line_before_any_engine_starts(
    folder: Path, error: type[Exception], message: str, options: dict[str, Any]
) -> None:
    engine = ReplayEngine(echo)
    with pytest.raises(error, match=message) as caught:
        fasteval.evaluate(engine, include_path=str(folder), no_cache=True, **options)
    assert "\n" not in str(caught.value)
    assert 0 == engine.started


def test_an_unknown_model_names_the_nearest(folder: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'qwen2-vl'"):
        fasteval.evaluate("qwen2vl", "generate", include_path=str(folder))


def test_reasoning_is_removed_before_scoring_and_kept_in_the_samples(folder: Path) -> None:
    def thinking(request: EngineRequest) -> Response:
        return Response(texts=(f"<think>hm\n</think>echo {request.prompt.plain_text()}",), finish_reason="stop")

    plain, thought = evaluate(folder, "generate"), evaluate(folder, "generate", engine=ReplayEngine(thinking))
    assert plain.tasks["generate"].metrics == thought.tasks["generate"].metrics
    assert "<think>" in next(thought.tasks["generate"].samples).resps[0]


def test_the_stages_add_up_to_the_wall_time(folder: Path) -> None:
    statistics = evaluate(folder).statistics
    assert sum(statistics.stages.values()) == pytest.approx(statistics.wall_seconds)
    assert statistics.stages["scoring"] > 0
