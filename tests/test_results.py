"""What the results file, the samples files and the table say."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fasteval.errors import OutputError, UnknownNameError
from fasteval.results.encoding import to_json
from fasteval.results.files import check_writable, save_results
from fasteval.results.model import GroupResult, Results, TaskResult
from fasteval.results.naming import sanitize_name
from fasteval.results.redaction import REDACTED
from fasteval.results.sample import Sample, ScoredDocument
from fasteval.results.statistics import RunStatistics
from fasteval.results.table import plain_table, print_results, throughput_line

UNHURRIED = settings(deadline=None)  # other work on the machine is no fault of the code
LMMS_EVAL_KEYS = {
    "results", "groups", "group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "config",
    "git_hash", "date", "throughput", "task_hashes", "model_source", "model_name", "model_name_sanitized",
    "system_instruction", "system_instruction_sha", "fewshot_as_multiturn", "chat_template", "chat_template_sha",
    "start_time", "end_time", "total_evaluation_time_seconds",
}  # fmt: skip
LMMS_EVAL_CONFIG_KEYS = {
    "model", "model_args", "batch_size", "batch_sizes", "device", "use_cache", "limit", "offset", "bootstrap_iters",
    "gen_kwargs", "random_seed", "numpy_seed", "torch_seed", "fewshot_seed", "resolved_cli_args",
}  # fmt: skip


def sample(doc_id: int = 0, **changes: Any) -> Sample:
    return replace(
        Sample(
            doc_id=doc_id,
            doc={"question": "Is it red?", "image": Image.new("RGB", (2, 2))},
            target="Yes",
            prompt="<image>Is it red?",
            context="Is it red?",
            resps=["yes."],
            filtered_resps=["yes"],
            metrics={"exact_match": 1.0},
            finish_reason="stop",
            prompt_tokens=12,
            output_tokens=2,
        ),
        **changes,
    )


def document(*samples: Sample) -> ScoredDocument:
    return ScoredDocument(samples[0].doc_id, samples=list(samples), error=samples[0].error)


def results(**changes: Any) -> Results:
    task = TaskResult(
        name="mme",
        alias="mme",
        version=1,
        n_shot=0,
        n_docs=4,
        n_effective=2,
        metrics={"exact_match,none": 0.5, "f1,none": 0.25},
        stderrs={"exact_match_stderr,none": 0.1, "f1_stderr,none": "N/A"},
        higher_is_better={"exact_match": True, "f1": True},
        config={"task": "mme", "dataset_kwargs": {"token": "abc"}},
        documents=[document(sample(0)), document(sample(1))],
        fingerprint="f00",
    )
    group = GroupResult(
        name="all", members=("mme",), metrics={"exact_match,none": 0.5}, higher_is_better={"exact_match": True}
    )
    statistics = RunStatistics(
        stages={"start": 12.1, "load": 3.9, "engine": 24.0, "scoring": 1.2},
        requests=9673,
        unique_requests=9000,
        sent=9000,
        output_tokens=28_872,
        peak_memory_bytes=2_900_000_000,
        counters={"images_decoded": 7},
    )
    base = Results(
        model_name="Qwen/Qwen2-VL",
        tasks={"mme": task},
        groups={"all": group, "names": GroupResult(name="names", members=("all",))},
        config={"model": "vllm", "model_args": {"api_key": "abc"}, "seed": 7, "limit": 2, "system_instruction": "Hi"},
        statistics=statistics,
        started_at=1_700_000_000.0,
        finished_at=1_700_000_041.2,
    )
    return replace(base, **changes)


# The results file


def test_the_results_file_has_the_keys_that_readers_of_lmms_eval_look_for() -> None:
    written = results().to_dict()
    assert set() == LMMS_EVAL_KEYS - written.keys()
    assert set() == LMMS_EVAL_CONFIG_KEYS - written["config"].keys()


def test_each_value_is_followed_by_its_standard_error() -> None:
    expected = {
        "alias": "mme",
        "exact_match,none": 0.5,
        "exact_match_stderr,none": 0.1,
        "f1,none": 0.25,
        "f1_stderr,none": "N/A",
        "samples": 2,
    }
    assert list(expected.items()) == list(results().to_dict()["results"]["mme"].items())


def test_counts_and_directions_are_by_task() -> None:
    written = results().to_dict()
    assert {"mme": {"original": 4, "effective": 2}} == written["n-samples"]
    assert {"mme": 0} == written["n-shot"]
    assert {"exact_match": True, "f1": True} == written["higher_is_better"]["mme"]
    assert {"all": ["mme"], "names": ["all"], "mme": []} == written["group_subtasks"]


def test_a_group_without_values_has_no_entry_among_the_results() -> None:
    written = results().to_dict()
    assert {"all"} == written["groups"].keys()
    assert {"all", "mme"} == written["results"].keys()


def test_a_run_without_groups_has_no_groups_key() -> None:
    assert "groups" not in results(groups={}).to_dict()


def test_secrets_are_not_written() -> None:
    written = to_json(results().to_dict()).decode()
    assert "abc" not in written
    assert REDACTED in written


def test_error_rows_make_a_run_incomplete() -> None:
    base = results()
    assert base.is_complete
    failed = sample(1, error="DocumentError: no image")
    with_error = replace(
        base.tasks["mme"], errors=1, documents=[document(sample(0)), document(failed, replace(failed, filter="other"))]
    )
    incomplete = replace(base, tasks={"mme": with_error})
    assert not incomplete.is_complete
    assert [("mme", 1, "DocumentError: no image")] == list(incomplete.error_rows())


def test_a_metric_that_could_not_be_aggregated_makes_a_run_incomplete() -> None:
    base = results()
    task = replace(base.tasks["mme"], failures=("f1,none: aggregation failed",))
    assert not replace(base, tasks={"mme": task}).is_complete


def test_an_interrupted_run_is_incomplete() -> None:
    assert not results(interrupted=True).is_complete


def test_samples_of_an_unknown_task_offer_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'mme'"):
        results().samples("mm")


# Samples


def test_a_sample_has_document_prompt_answers_and_scores() -> None:
    written = results().samples("mme")[0]
    assert {"question": "Is it red?"} == written["doc"]
    assert "<image>Is it red?" == written["prompt"]
    assert "Is it red?" == written["input"]
    assert ["yes."] == written["resps"]
    assert ["yes"] == written["filtered_resps"]
    assert 1.0 == written["exact_match"]
    assert ["exact_match"] == written["metrics"]
    assert "error" not in written


def test_choices_have_log_probabilities_and_an_error_row_its_reason() -> None:
    written = sample(logprobs=[-1.0, -2.0], is_greedy=[True, False], error="no answer").to_dict()
    assert [-1.0, -2.0] == written["logprobs"]
    assert [True, False] == written["is_greedy"]
    assert "no answer" == written["error"]


def test_a_metric_cannot_take_the_place_of_the_documents_own_data() -> None:
    written = sample(metrics={"target": 0.5, "error": 1}).to_dict()
    assert "Yes" == written["target"]
    assert 0.5 == written["metric_target"]
    assert "error" not in written


def test_the_hash_of_a_document_does_not_depend_on_its_media_or_the_order_of_its_columns() -> None:
    one = sample(doc={"a": 1, "b": 2, "image": b"x"}).to_dict()["doc_hash"]
    other = sample(doc={"b": 2, "a": 1}).to_dict()["doc_hash"]
    assert other == one


# Files


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Qwen/Qwen2-VL", "Qwen__Qwen2-VL"),
        ("/data/models/Qwen/Qwen2-VL/", "Qwen__Qwen2-VL"),
        ("demo", "demo"),
        ("a:b*c", "a__b__c"),
        ("../..", "model"),
        ("", "model"),
        (".hidden", "_hidden"),
        ("C:\\models\\x", "models__x"),
    ],
)
def test_a_models_folder_is_named_after_the_last_two_parts_of_its_path(name: str, expected: str) -> None:
    assert expected == sanitize_name(name)


@UNHURRIED
@given(st.text())
def test_no_name_leaves_its_folder(name: str) -> None:
    safe = sanitize_name(name)
    assert safe not in ("", ".", "..")
    assert Path("folder") == (Path("folder") / safe).parent
    assert len(safe.encode("utf-8", "surrogatepass")) <= 200


def test_results_and_samples_are_saved_under_the_models_name_and_the_runs_time(tmp_path: Path) -> None:
    written = results()
    paths = written.save(tmp_path)
    stamp = written.to_dict()["date"]
    folder = tmp_path / "Qwen__Qwen2-VL"
    assert [folder / f"{stamp}_results.json", folder / f"{stamp}_samples_mme.jsonl"] == paths
    assert orjson.loads(to_json(written.to_dict())) == orjson.loads(paths[0].read_bytes())
    assert [0, 1] == [orjson.loads(line)["doc_id"] for line in paths[1].read_bytes().splitlines()]
    assert set(paths) == set(folder.iterdir())


def test_a_second_run_in_the_same_second_overwrites_nothing(tmp_path: Path) -> None:
    first, second = results().save(tmp_path), results().save(tmp_path)
    assert set() == set(first) & set(second)
    assert 4 == len(list((tmp_path / "Qwen__Qwen2-VL").iterdir()))


def test_ranks_of_one_run_write_files_of_their_own(tmp_path: Path) -> None:
    first = results(config={"rank": 0, "world_size": 2}).save(tmp_path)
    second = results(config={"rank": 1, "world_size": 2}).save(tmp_path)
    assert first[0].name.endswith("_rank0_results.json")
    assert second[0].name.endswith("_rank1_results.json")


def test_a_path_that_ends_in_json_names_the_results_file(tmp_path: Path) -> None:
    expected = [tmp_path / "deep" / "run.json", tmp_path / "deep" / "run_samples_mme.jsonl"]
    assert expected == results().save(tmp_path / "deep" / "run.json")


def test_samples_are_not_written_where_nobody_wants_them(tmp_path: Path) -> None:
    assert [tmp_path / "run.json"] == results().save(tmp_path / "run.json", log_samples=False)


def test_a_tasks_name_cannot_choose_the_folder_and_two_tasks_never_share_a_file(tmp_path: Path) -> None:
    task = results().tasks["mme"]
    paths = save_results(results(tasks={"../../a/b": task, "a/b": task}), tmp_path / "run.json")
    assert ["run_samples_a__b.jsonl", "run_samples_a__b_2.jsonl"] == [path.name for path in paths[1:]]
    assert {tmp_path} == {path.parent for path in paths}


def test_a_failure_leaves_no_half_written_file(tmp_path: Path) -> None:
    def fail() -> Any:
        yield document(sample())
        raise RuntimeError("stop")

    broken = replace(results().tasks["mme"], documents=fail())
    with pytest.raises(RuntimeError, match="stop"):
        results(tasks={"mme": broken}).save(tmp_path / "run.json")
    assert [] == list(tmp_path.iterdir())


def test_a_folder_that_is_a_file_is_found_out_before_the_run(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for path in (file, file / "deeper", file / "run.json"):
        with pytest.raises(OutputError, match=r"cannot write results to .*--output_path"):
            check_writable(path)
    with pytest.raises(OutputError, match="cannot write results"):
        results().save(file / "run.json")


def test_a_results_file_that_is_a_folder_is_found_out_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "run.json").mkdir()
    with pytest.raises(OutputError, match="it is a folder"):
        check_writable(tmp_path / "run.json")


def test_a_folder_that_cannot_be_written_is_found_out_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        check_writable(tmp_path)


def test_a_writable_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b")
    check_writable(None)
    assert [] == list((tmp_path / "a" / "b").iterdir())


# Table and throughput line


def test_the_table_is_markdown_with_a_row_for_each_metric() -> None:
    expected = """\
| Tasks | Version | Filter | n-shot | Metric      | ↑   |  Value | ±   | Stderr |
| ----- | ------: | ------ | -----: | ----------- | --- | -----: | --- | -----: |
| mme   |       1 | none   |      0 | exact_match | ↑   | 0.5000 | ±   | 0.1000 |
| mme   |       1 | none   |      0 | f1          | ↑   | 0.2500 | ±   |    N/A |

| Groups | Version | Filter | n-shot | Metric      | ↑   |  Value | ±   | Stderr |
| ------ | ------: | ------ | -----: | ----------- | --- | -----: | --- | -----: |
| all    |       0 | none   |        | exact_match | ↑   | 0.5000 | ±   |    N/A |"""
    assert expected == results().table()


def test_a_metric_that_should_be_low_has_an_arrow_down_and_other_values_are_shown_as_json() -> None:
    task = TaskResult(
        name="t", metrics={"wer,none": np.float64(1.5), "by|type": {"a": 1}}, higher_is_better={"wer": False}
    )
    table = plain_table(results(tasks={"t": task}, groups={}))
    assert "| wer      | ↓   |  1.5000 |" in table
    assert '{"a":1}' in table
    assert "by\\|type" in table


def test_names_in_the_table_are_shown_as_they_are_even_with_markup_and_control_characters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    task = TaskResult(name="[red]x[/red]\x1b[2J", metrics={"[bold]acc,none": 1.0})
    terminal = Terminal()
    print_results(results(tasks={"x": task}), terminal)
    assert "[red]x[/red][2J" in terminal.getvalue()
    assert "[bold]acc" in terminal.getvalue()
    assert "\x1b[2J" not in terminal.getvalue()


def test_the_throughput_line_says_where_the_time_went() -> None:
    expected = (
        "9,673 requests in 41.2 s (start 12.1, load 3.9, engine 24.0, scoring 1.2) · 235 requests/s · "
        "701 tokens/s · engine stage alone 375 requests/s, 1,203 tokens/s · cache 0 hits · 0 truncated · 0 errors · "
        "peak 2.9 GB"
    )
    assert expected == throughput_line(results().statistics)


def test_a_run_that_sent_nothing_has_no_engine_rates() -> None:
    expected = "3 requests in 0.5 s (load 0.5) · 6.0 requests/s · 0.0 tokens/s · cache 3 hits · 0 truncated · 1 error"
    assert expected == throughput_line(RunStatistics(stages={"load": 0.5}, requests=3, cache_hits=3, errors=1))


def test_a_run_that_took_no_time_divides_by_nothing() -> None:
    assert 0.0 == RunStatistics(requests=3).requests_per_second


def test_statistics_refuse_a_stage_that_no_report_would_show() -> None:
    with pytest.raises(ValueError, match="unknown stages"):
        RunStatistics(stages={"tea": 1.0})
