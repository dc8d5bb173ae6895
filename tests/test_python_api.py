"""`fasteval.evaluate`, `fasteval.simple_evaluate` and what they return."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

import pytest

import fasteval
from fasteval.errors import UnknownNameError, UnsupportedError, UsageError
from fasteval.models.replay import ReplayEngine
from tests.stubs import echo
from tests.test_evaluation import evaluate, folder  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from pathlib import Path

#: The parameters of `lm_eval.simple_evaluate` in 0.4.13, in order.
LM_EVAL_PARAMETERS = [
    "model", "model_args", "tasks", "num_fewshot",
    "batch_size", "max_batch_size", "device", "use_cache",
    "cache_requests", "rewrite_requests_cache", "delete_requests_cache", "limit",
    "samples", "bootstrap_iters", "check_integrity", "write_out",
    "log_samples", "evaluation_tracker", "system_instruction", "apply_chat_template",
    "fewshot_as_multiturn", "gen_kwargs", "task_manager", "verbosity",
    "predict_only", "random_seed", "numpy_random_seed", "torch_random_seed",
    "fewshot_random_seed", "confirm_run_unsafe_code", "metadata",
]  # fmt: skip


def settings_of(folder: Path, name: str) -> dict[str, Any]:  # noqa: F811
    """Returns a task's settings as a mapping with absolute paths, as Python users may pass them."""
    import yaml

    text = (folder / f"{name}.yaml").read_text().replace("docs.jsonl", str(folder / "docs.jsonl"))
    settings: dict[str, Any] = yaml.safe_load(text)
    return settings


def test_results_become_a_data_frame_with_a_row_a_metric(folder: Path) -> None:  # noqa: F811
    frame = evaluate(folder, "generate", "likelihood").to_pandas()
    assert [("generate", "exact_match"), ("likelihood", "perplexity"), ("likelihood", "acc")] == list(
        zip(frame["task"], frame["metric"], strict=True)
    )
    assert 0.65 == frame["value"][0]
    assert [40, 40, 40] == list(frame["documents"])
    assert [True, False, True] == list(frame["higher_is_better"])


def test_a_data_frame_without_pandas_is_one_clear_line(
    folder: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    results = evaluate(folder, "generate")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="to_pandas needs the package 'pandas': pip install pandas"):
        results.to_pandas()


def test_results_become_a_report(folder: Path, tmp_path: Path) -> None:  # noqa: F811
    results = evaluate(folder, "generate", limit=3)
    path = results.report(tmp_path / "report.html")
    assert tmp_path / "report.html" == path
    assert path.read_text("utf-8").lower().startswith("<!doctype html>")


def test_tasks_may_be_objects(folder: Path) -> None:  # noqa: F811
    task = fasteval.TaskManager(folder).load_task_or_group("generate")["generate"]
    results = fasteval.evaluate(ReplayEngine(echo), task, no_cache=True, limit=3)
    assert ["generate"] == list(results.tasks)
    assert 3 == len(results.samples("generate"))


def test_simple_evaluate_has_lm_evals_signature() -> None:
    assert LM_EVAL_PARAMETERS == list(inspect.signature(fasteval.simple_evaluate).parameters)


def test_simple_evaluate_returns_lm_evals_dict(folder: Path) -> None:  # noqa: F811
    found = fasteval.simple_evaluate(
        ReplayEngine(echo),  # type: ignore[arg-type]  # an engine stands for a model
        tasks=[settings_of(folder, "generate"), settings_of(folder, "choices")],
        limit=4,
        bootstrap_iters=0,
        random_seed=7,
    )
    assert {"name", "alias", "sample_len", "exact_match,none", "exact_match_stderr,none"} == set(
        found["results"]["generate"]
    )
    assert {"original": 40, "effective": 4} == found["n-samples"]["choices"]
    first = found["samples"]["generate"][0]
    assert [("q0", {"max_new_tokens": 4, "until": ["\n"]})] == first["arguments"]
    assert ([["echo q0"]], ["echo q0"]) == (first["resps"], first["filtered_resps"])
    choices = found["samples"]["choices"][0]
    assert [("q0", " x"), ("q0", " y"), ("q0", " z")] == choices["arguments"]
    assert all(isinstance(logprob, float) for ((logprob, _),) in choices["resps"])
    assert 7 == found["config"]["random_seed"]


def test_simple_evaluate_leaves_the_samples_out_where_they_are_not_wanted(folder: Path) -> None:  # noqa: F811
    found = fasteval.simple_evaluate(
        ReplayEngine(echo),  # type: ignore[arg-type]  # an engine stands for a model
        tasks=[settings_of(folder, "generate")],
        limit=2,
        log_samples=False,
    )
    assert "samples" not in found


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("samples", {"generate": [0]}, "choose documents with limit"),
        ("delete_requests_cache", True, "rewrite_requests_cache"),
        ("evaluation_tracker", object(), "hand what is returned to the tracker"),
        ("apply_chat_template", "chatml", "chat_template=<file>"),
    ],
)
def test_simple_evaluate_refuses_by_name_what_it_cannot_honour(option: str, value: Any, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason):
        fasteval.simple_evaluate("demo", tasks=["mme"], **{option: value})


def test_a_misspelt_generation_option_of_the_run_is_not_blamed_on_the_tasks_file(folder: Path) -> None:  # noqa: F811
    with pytest.raises(UnknownNameError) as raised:
        evaluate(folder, "generate", gen_kwargs={"temprature": 0.5})
    assert "unknown generation option 'temprature': did you mean 'temperature'?" == str(raised.value)
