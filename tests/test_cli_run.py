"""What `fasteval run` makes of its flags, and what it prints."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from fasteval.cli import main
from fasteval.errors import ModelError
from fasteval.evaluation.interruption import RunInterrupted
from fasteval.evaluation.settings import RunSettings
from fasteval.results.model import TaskResult
from fasteval.results.sample import Sample, ScoredDocument
from tests.cli_stub import RESULTS, Evaluation, run

# Flags


def test_what_is_not_said_is_left_to_the_settings_own_defaults(evaluation: Evaluation) -> None:
    assert 0 == run()
    assert RunSettings(model="demo", tasks=("mme",)) == evaluation.settings


@pytest.mark.parametrize("words", [("run",), ("eval",), ()])
def test_run_is_implied_and_eval_is_its_other_name(evaluation: Evaluation, words: tuple[str, ...]) -> None:
    assert 0 == main([*words, "--model", "demo", "--tasks", "mme"])
    assert ("mme",) == evaluation.settings.tasks


@pytest.mark.parametrize(
    "words",
    [
        ("--tasks", "mme,pope"),
        ("--tasks", "mme", "pope"),
        ("--tasks", "mme", "--tasks", "pope"),
        ("--tasks=mme", "pope"),
        ("--tasks", "mme, pope,"),
        ("-t", "mme", "pope", "mme"),
    ],
)
def test_tasks_are_separated_by_commas_by_spaces_or_by_flags(evaluation: Evaluation, words: tuple[str, ...]) -> None:
    assert 0 == main(["--model", "demo", *words])
    assert ("mme", "pope") == evaluation.settings.tasks


@pytest.mark.parametrize(
    "words",
    [
        ("--model_args", "pretrained=a/b,max_model_len=64"),
        ("--model-args", "pretrained=a/b", "max_model_len=64"),
        ("-a", "pretrained=a/b", "-a", "max_model_len=64"),
        ("--model_args", '{"pretrained": "a/b", "max_model_len": 64}'),
    ],
)
def test_model_arguments_have_three_forms_and_two_spellings(evaluation: Evaluation, words: tuple[str, ...]) -> None:
    assert 0 == run(*words)
    assert {"pretrained": "a/b", "max_model_len": 64} == evaluation.settings.model_args


@pytest.mark.parametrize(
    ("words", "field", "expected"),
    [
        (("-L", "8"), "limit", 8.0),
        (("--limit", "-1"), "limit", None),
        (("--offset", "3"), "offset", 3),
        (("-f", "2"), "num_fewshot", 2),
        (("--gen_kwargs", "temperature=0.5,max_new_tokens=3"), "gen_kwargs", {"temperature": 0.5, "max_new_tokens": 3}),
        (("--include_path", "a", "b"), "include_path", ("a", "b")),
        (("--dataset", "x=/d/x", "--dataset", "y=/d/y=1"), "datasets", {"x": "/d/x", "y": "/d/y=1"}),
        (("--apply_chat_template",), "apply_chat_template", True),
        (("--apply_chat_template", "false"), "apply_chat_template", False),
        (("--apply_chat_template", "-x"), "predict_only", True),
        (("--system_instruction", "Be brief."), "system_instruction", "Be brief."),
        (("-o", "out"), "output_path", Path("out")),
        (("--log_samples", "false"), "log_samples", False),
        (("-c", "folder"), "use_cache", Path("folder")),
        (("--use_cache", "true"), "use_cache", None),
        (("--no-cache",), "no_cache", True),
        (("--cache_requests",), "cache_requests", True),
        (("--cache_requests", "refresh"), "rewrite_requests_cache", True),
        (("--seed", "7"), "seed", 7),
        (("--seed", "7"), "fewshot_seed", 7),
        (("--seed", "0,1234,1234,99"), "seed", 0),
        (("--seed", "0,1234,1234,99"), "fewshot_seed", 99),
        (("--seed", "None,1,2,99"), "seed", 1234),
        (("--seed", "1,2,3"), "seed", 1),
        (("--seed", "1,2,3"), "fewshot_seed", 1234),
        (("--seed", "7", "--fewshot_seed", "8"), "fewshot_seed", 8),
        (("--rank", "1", "--world_size", "2"), "rank", 1),
        (("-n", "4"), "repeats", 4),
        (("--reasoning_tags", "none"), "reasoning_tags", ()),
        (("--reasoning_tags", '[["<a>", "</a>"]]'), "reasoning_tags", (("<a>", "</a>"),)),
        (("--reasoning_tags", "<a>,</a>"), "reasoning_tags", (("<a>", "</a>"),)),
        (("--bootstrap_iters", "0"), "bootstrap_iters", 0),
        (("--window", "16"), "window", 16),
        (("--replicas", "2"), "replicas", 2),
        (("--executor", "ray"), "executor", "ray"),
        (("--executor", "ray", "--ray_address", "head:6379"), "ray_address", "head:6379"),
        (("--executor", "ray", "--ray_args", "num_cpus=4"), "ray_args", {"num_cpus": 4}),
        (("--on_error", "fail"), "on_error", "fail"),
        (("--trust_remote_code",), "trust_remote_code", True),
    ],
)
def test_each_flag_sets_its_field(evaluation: Evaluation, words: tuple[str, ...], field: str, expected: Any) -> None:
    output_path = next((word for word in words if word == "out"), None)
    evaluation.results = ModelError("far enough") if output_path else RESULTS
    run(*words)
    assert expected == getattr(evaluation.settings, field)


def test_rank_and_world_size_may_come_from_the_environment(
    evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    run("--rank", "2")
    assert (2, 4) == (evaluation.settings.rank, evaluation.settings.world_size)


def test_rank_and_world_size_may_come_from_slurm_where_no_launcher_says_otherwise(
    evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_PROCID", "3")
    monkeypatch.setenv("SLURM_NTASKS", "8")
    run()
    assert (3, 8) == (evaluation.settings.rank, evaluation.settings.world_size)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    run()
    assert (0, 2) == (evaluation.settings.rank, evaluation.settings.world_size)


@pytest.mark.parametrize("words", [("--executor", "dask"), ("--ray_args", "num_cpus=4"), ("--replicas", "0")])
def test_a_way_to_share_the_work_that_is_none_is_an_error(evaluation: Evaluation, words: tuple[str, ...]) -> None:
    assert 2 == run(*words)


@pytest.mark.parametrize(
    ("value", "use_cache", "no_cache"),
    [("True", None, False), ("False", None, True), ("", None, False), ("/a/b", Path("/a/b"), False)],
)
def test_the_cache_can_be_set_as_in_lmms_eval(
    evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch, value: str, use_cache: Path | None, no_cache: bool
) -> None:
    monkeypatch.setenv("LMMS_EVAL_USE_CACHE", value)
    run()
    assert (use_cache, no_cache) == (evaluation.settings.use_cache, evaluation.settings.no_cache)


def test_a_flag_for_the_cache_wins_over_the_environment(
    evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMMS_EVAL_USE_CACHE", "False")
    run("--use_cache", "folder")
    assert (Path("folder"), False) == (evaluation.settings.use_cache, evaluation.settings.no_cache)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--batch_size", "auto"), "--batch_size is not needed: vLLM batches continuously"),
        (("--device", "cpu"), "--device is not needed"),
    ],
)
def test_a_flag_that_is_not_needed_is_accepted_and_said_to_be(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert 0 == run(*words)
    assert message in capsys.readouterr().err
    assert RunSettings(model="demo", tasks=("mme",)) == evaluation.settings


@pytest.mark.parametrize(
    "words",
    [
        ("--trackio_args", "project=x"),
        ("--agentic_trace_mode", "full"),
        ("--power-analysis",),
        ("--check_integrity",),
        ("--cache_requests", "delete"),
    ],
)
def test_a_flag_that_cannot_be_honoured_is_refused_in_one_line(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert 2 == run(*words)
    assert [] == evaluation.seen
    error = capsys.readouterr().err
    assert error.startswith("fasteval: error: --")
    assert "is not supported" in error
    assert 1 == error.count("\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--taks", "mme"), "unknown flag '--taks': did you mean '--tasks'?"),
        (("--limit", "many"), "Invalid value for '--limit' / '-L': 'many' is not a number"),
        (("--seed", "x"), "'x' is neither one number nor lm-eval's four"),
        (("--model_args", "pretrained"), "'pretrained' is not of the form name=value"),
        (("--dataset", "x"), "'x' is not of the form NAME=PATH"),
        (("--log_samples", "maybe"), "'maybe' is neither true nor false"),
        (("--limit", "5", "mme"), "Got unexpected extra argument (mme)"),
        (("--no_cache", "--use_cache", "x"), "contradict each other"),
        (("--on_error", "ignore"), "ignore"),
    ],
)
def test_a_wrong_flag_is_one_line_and_exit_code_2(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert 2 == run(*words)
    assert [] == evaluation.seen
    error = capsys.readouterr().err
    assert error.startswith("fasteval: error: ")
    assert message in error
    assert 1 == error.count("\n")


@pytest.mark.usefixtures("evaluation")
def test_model_and_tasks_are_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert (2, 2) == (main(["--model", "demo"]), main(["--tasks", "mme"]))
    assert ["no tasks are named", "no model is named"] == [
        line.removeprefix("fasteval: error: ").partition(":")[0] for line in capsys.readouterr().err.splitlines()
    ]


# Configuration files


def test_a_configuration_file_has_flags_for_keys_and_explicit_flags_win(evaluation: Evaluation, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(
        """
        model: demo
        model_args: {pretrained: a/b}
        tasks: [mme, "pope,gqa"]
        limit: 5
        num-fewshot: 1
        cache_requests: true
        seed: [1, 2, 3, 4]
        reasoning_tags: [["<a>", "</a>"]]
        dataset: {x: /d/x}
        log_samples: false
        system_instruction: null
        trackio_args: ""
        """,
    )
    assert 0 == main(["--config", str(config), "--limit", "9"])
    expected = RunSettings(
        model="demo",
        model_args={"pretrained": "a/b"},
        tasks=("mme", "pope", "gqa"),
        limit=9,
        num_fewshot=1,
        cache_requests=True,
        seed=1,
        fewshot_seed=4,
        reasoning_tags=(("<a>", "</a>"),),
        datasets={"x": "/d/x"},
        log_samples=False,
    )
    assert expected == evaluation.settings


def test_a_results_file_repeats_its_run(evaluation: Evaluation, tmp_path: Path) -> None:
    saved = {"config": {"resolved_cli_args": {"model": "demo", "tasks": ["a", "b"], "seed": 3, "fewshot_seed": 4}}}
    path = tmp_path / "run.json"
    path.write_bytes(orjson.dumps(saved))
    assert 0 == main(["--config", str(path)])
    assert RunSettings(model="demo", tasks=("a", "b"), seed=3, fewshot_seed=4) == evaluation.settings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modle: demo", "unknown key 'modle': did you mean 'model'?"),
        ("config: other.yaml", "unknown key 'config'"),
        ("[{model: demo}, {model: vllm}]", "is a list of 2 runs: one file describes one run"),
        ("env: [HF_HOME]", "env is not a mapping"),
        ("a: [", "is not YAML"),
        ("model_args: {api_key: '[redacted]'}", "model_args was redacted"),
        ("trackio_args: project=x", "--trackio_args is not supported"),
    ],
)
def test_a_wrong_configuration_file_is_one_line(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "run.yaml").write_text(text)
    assert 2 == run("--config", str(tmp_path / "run.yaml"))
    error = capsys.readouterr().err
    assert message in error
    assert 1 == error.count("\n")
    assert [] == evaluation.seen


def test_a_configuration_file_that_is_not_there_is_one_line(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 2 == run("--config", "nowhere.yaml")
    assert "cannot read --config nowhere.yaml: No such file" in capsys.readouterr().err


# The end of a run


def test_table_and_throughput_go_to_standard_output_and_saved_paths_to_standard_error(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert 0 == run("--output_path", str(tmp_path))
    out, err = capsys.readouterr()
    assert "| mme   |" in out
    assert "1 requests in 1.0 s" in out
    saved = [line.removeprefix("fasteval: saved ") for line in err.splitlines() if "saved" in line]
    assert set(saved) == {str(path) for path in tmp_path.glob("*/*")}
    assert 3 == len(saved)


def test_json_is_all_that_standard_output_gets(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert 0 == run("--json", "--output_path", str(tmp_path), "--batch_size", "8")
    out, err = capsys.readouterr()
    assert {"alias": "mme", "acc,none": 0.5, "samples": 0} == orjson.loads(out)["results"]["mme"]
    (saved,) = tmp_path.glob("*/*_results.json")
    assert orjson.loads(saved.read_bytes())["results"] == orjson.loads(out)["results"]
    for text in ("| mme   |", "1 requests in 1.0 s", "fasteval: saved", "not needed", "1 requests, 0 of them"):
        assert text in err


def test_quiet_leaves_the_table_and_warnings(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    evaluation.results = replace(RESULTS, interrupted=True)
    assert 3 == run("--quiet", "--output_path", str(tmp_path), "--batch_size", "8")
    out, err = capsys.readouterr()
    assert "| mme " in out
    assert "fasteval: warning: the run ended before its last request; the same command goes on from here\n" == err


def test_quiet_json_is_json_alone(evaluation: Evaluation, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run("-q", "--json")
    out, err = capsys.readouterr()
    assert "" == err
    assert "demo" == orjson.loads(out)["model_name"]


def test_the_table_is_shown_even_if_the_results_cannot_be_saved(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    assert 1 == run("--output_path", str(tmp_path / "file"))
    out, err = capsys.readouterr()
    assert "| mme   |" in out
    assert "fasteval: error: cannot write results" in err


def test_documents_without_a_score_are_told_and_make_exit_code_3(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = [Sample(doc_id=number, error=f"no \x1b[2Jimage {number}") for number in range(9)]
    documents = [ScoredDocument(sample.doc_id, samples=[sample], error=sample.error) for sample in failed]
    task = TaskResult(name="mme", errors=9, documents=documents, failures=("acc,none: aggregation failed",))
    evaluation.results = replace(RESULTS, tasks={"mme": task})
    assert 3 == run()
    error = capsys.readouterr().err
    assert "9 documents have no score" in error
    assert "mme, document 0: no [2Jimage 0" in error
    assert "aggregation failed" in error
    assert "image 5" not in error


def test_an_interrupted_run_makes_exit_code_3(evaluation: Evaluation, capsys: pytest.CaptureFixture[str]) -> None:
    evaluation.results = replace(RESULTS, interrupted=True)
    assert 3 == run()
    assert "ended before its last request" in capsys.readouterr().err


def test_an_error_of_the_run_is_one_line_and_exit_code_1(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluation.results = ModelError("the model\nis not there")
    assert 1 == run("--verbosity", "error")
    assert capsys.readouterr().err.endswith("fasteval: error: the model is not there\n")


def test_a_fault_is_one_line_too(evaluation: Evaluation, capsys: pytest.CaptureFixture[str]) -> None:
    evaluation.results = EOFError("oh")
    assert 1 == run()
    assert "fasteval: error: EOFError: oh (a fault of fasteval's" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("--verbosity", "debug"), ("--verbosity=DEBUG",), ("-v", "debug")])
def test_the_traceback_is_for_those_who_debug(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    evaluation.results = ModelError("no")
    assert 1 == run(*words)
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_tasks_are_loaded_is_one_line_and_its_exit_code(
    evaluation: Evaluation, capsys: pytest.CaptureFixture[str], number: int, exit_code: int
) -> None:
    evaluation.results = RunInterrupted(number)
    assert exit_code == run()
    assert "interrupted; answers that were complete are in the cache" in capsys.readouterr().err.splitlines()[-1]


def test_an_interrupt_is_exit_code_130(evaluation: Evaluation, capsys: pytest.CaptureFixture[str]) -> None:
    evaluation.results = KeyboardInterrupt()
    assert 130 == run()
    assert "interrupted" in capsys.readouterr().err
