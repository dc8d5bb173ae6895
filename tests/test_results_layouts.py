"""Result files as lm-eval and lmms-eval name and shape them; `benchmarks/layout_check.py` lets those read them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fasteval.errors import UnknownNameError, UsageError
from fasteval.evaluation.settings import RunSettings
from fasteval.results.model import GroupResult, Results, TaskResult
from fasteval.results.sample import Sample, ScoredDocument

if TYPE_CHECKING:
    from pathlib import Path

GENERATED = Sample(
    doc_id=0,
    doc={"country": "Österreich", "capital": "Wien"},
    target="Wien",
    prompt="<user>Capital?",
    context="Capital?",
    resps=["Wien."],
    filtered_resps=["Wien"],
    metrics={"exact_match": 1.0},
    output_tokens=2,
)
CHOSEN = Sample(
    doc_id=0,
    doc={"question": "Which?"},
    target=1,
    prompt="Which?",
    context="Which?",
    resps=[(-1.5, False), (-0.5, True)],
    filtered_resps=[(-1.5, False), (-0.5, True)],
    metrics={"acc": 1.0},
    continuations=[" A", " B"],
    logprobs=[-1.5, -0.5],
    is_greedy=[False, True],
)
FAILED = Sample(doc_id=1, error="no such picture")


def task(name: str, *samples: Sample) -> TaskResult:
    return TaskResult(
        name=name,
        version="1.0",
        n_docs=9,
        n_effective=len(samples),
        errors=sum(sample.error is not None for sample in samples),
        metrics={"acc,none": 1.0},
        stderrs={"acc_stderr,none": 0.0},
        higher_is_better={"acc": True},
        config={"task": name, "generation_kwargs": {"until": ["\n"]}},
        documents=[ScoredDocument(sample.doc_id, samples=[sample], error=sample.error) for sample in samples],
    )


RESULTS = Results(
    model_name="/data/Qwen/Qwen2-VL",
    tasks={"capitals": task("capitals", GENERATED, FAILED), "letters": task("letters", CHOSEN)},
    groups={"all": GroupResult(name="all", members=("capitals", "letters"), metrics={"acc,none": 1.0})},
    config={"model": "vllm", "model_args": {"pretrained": "/data/Qwen/Qwen2-VL", "api_key": "s3cret"}},
    started_at=1_700_000_000.25,
    finished_at=1_700_000_009.0,
)


def saved(folder: Path, layout: str, results: Results = RESULTS) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Returns the results file's content and, by file name, the lines of the samples files."""
    first, *others = results.save(folder, layout=layout)
    samples = {path.name: [json.loads(line) for line in path.read_text("utf-8").splitlines()] for path in others}
    return json.loads(first.read_text("utf-8")), samples


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# Names


def test_lm_eval_names_files_after_task_and_moment(tmp_path: Path) -> None:
    paths = RESULTS.save(tmp_path, layout="lm-eval")
    assert {tmp_path / "__data__Qwen__Qwen2-VL"} == {path.parent for path in paths}
    stamp = paths[0].name.removeprefix("results_").removesuffix(".json")
    assert stamp.endswith("-20.250000")
    assert [f"results_{stamp}.json", f"samples_capitals_{stamp}.jsonl", f"samples_letters_{stamp}.jsonl"] == [
        path.name for path in paths
    ]


def test_lm_eval_stamps_a_results_file_that_the_user_names(tmp_path: Path) -> None:
    first, second, _ = RESULTS.save(tmp_path / "run.json", layout="lm-eval")
    assert first.name.startswith("run_2023-11-1")
    assert second.name.startswith("samples_capitals_2023-11-1")


@pytest.mark.parametrize("layout", ["fasteval", "lmms-eval"])
def test_lmms_eval_names_files_after_moment_and_task(tmp_path: Path, layout: str) -> None:
    first, second, _ = RESULTS.save(tmp_path, layout=layout)
    assert tmp_path / "Qwen__Qwen2-VL" == first.parent
    stamp = first.name.removesuffix("_results.json")
    assert f"{stamp}_samples_capitals.jsonl" == second.name


@pytest.mark.parametrize("layout", ["fasteval", "lmms-eval", "lm-eval"])
def test_a_second_run_of_the_same_moment_overwrites_nothing(tmp_path: Path, layout: str) -> None:
    assert set() == set(RESULTS.save(tmp_path, layout=layout)) & set(RESULTS.save(tmp_path, layout=layout))


@pytest.mark.parametrize(("layout", "joint"), [("fasteval", "_"), ("lmms-eval", "_"), ("lm-eval", "-")])
def test_the_files_of_ranks_differ(tmp_path: Path, layout: str, joint: str) -> None:
    results = replace(RESULTS, config={"rank": 1, "world_size": 2})
    assert f"{joint}rank1" in results.save(tmp_path, layout=layout)[0].name


def test_an_unknown_layout_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown layout 'lm_eval': did you mean 'lm-eval'"):
        RunSettings(model="demo", tasks=("mme",), layout="lm_eval")
    assert issubclass(UnknownNameError, UsageError)


# Shapes


def test_lm_evals_results_have_its_fixed_keys_and_no_others_beside_the_metrics(tmp_path: Path) -> None:
    results, _ = saved(tmp_path, "lm-eval")
    expected = {"name": "letters", "alias": "letters", "sample_len": 1, "acc,none": 1.0, "acc_stderr,none": 0.0}
    assert expected == results["results"]["letters"]
    assert 1 == results["results"]["capitals"]["sample_len"]
    group = {"name": "all", "alias": "all", "sample_len": 2, "sample_count": {"acc,none": 2}, "acc,none": 1.0}
    assert group == results["groups"]["all"] == results["results"]["all"]
    assert 1_700_000_000.25 == results["date"]
    assert "__data__Qwen__Qwen2-VL" == results["model_name_sanitized"]
    assert "s3cret" not in json.dumps(results)


def test_lm_evals_generated_sample(tmp_path: Path) -> None:
    _, samples = saved(tmp_path, "lm-eval")
    (name,) = (name for name in samples if "capitals" in name)
    document = json.dumps(GENERATED.doc, indent=2, ensure_ascii=False)
    expected = {
        "doc_id": 0,
        "doc": {"country": "Österreich", "capital": "Wien"},
        "target": "Wien",
        "arguments": {"gen_args_0": {"arg_0": "<user>Capital?", "arg_1": {"until": ["\n"]}}},
        "resps": [["Wien."]],
        "filtered_resps": ["Wien"],
        "filter": "none",
        "metrics": ["exact_match"],
        "doc_hash": sha256(document),
        "prompt_hash": sha256("<user>Capital?"),
        "target_hash": sha256("Wien"),
        "exact_match": 1.0,
    }
    assert expected == samples[name][0]
    assert "no such picture" == samples[name][1]["error"]


def test_lm_evals_sample_of_choices_has_a_request_a_choice(tmp_path: Path) -> None:
    _, samples = saved(tmp_path, "lm-eval")
    (line,) = next(lines for name, lines in samples.items() if "letters" in name)
    assert {
        "gen_args_0": {"arg_0": "Which?", "arg_1": " A"},
        "gen_args_1": {"arg_0": "Which?", "arg_1": " B"},
    } == line["arguments"]
    assert [[["-1.5", "False"]], [["-0.5", "True"]]] == line["resps"]
    assert [["-1.5", "False"], ["-0.5", "True"]] == line["filtered_resps"]


def test_lm_evals_task_hash_is_that_of_all_its_samples(tmp_path: Path) -> None:
    results, samples = saved(tmp_path, "lm-eval")
    for name, digest in results["task_hashes"].items():
        lines = next(lines for file, lines in samples.items() if f"samples_{name}_" in file)
        assert sha256("".join(x["doc_hash"] + x["prompt_hash"] + x["target_hash"] for x in lines)) == digest


def test_lmms_evals_generated_sample_has_neither_document_nor_lists_of_one(tmp_path: Path) -> None:
    _, samples = saved(tmp_path, "lmms-eval")
    lines = next(lines for name, lines in samples.items() if "capitals" in name)
    expected = {
        "doc_id": 0,
        "target": "Wien",
        "filtered_resps": "Wien",
        "resps": "Wien.",
        "token_counts": [{"output_tokens": 2}],
        "doc_hash": sha256(json.dumps(GENERATED.doc, indent=2, ensure_ascii=False)),
        "input": "Capital?",
        "exact_match": 1.0,
    }
    assert expected == lines[0]
    assert "no such picture" == lines[1]["error"]


def test_lmms_evals_sample_leaves_raw_answers_out_where_filtering_changed_nothing(tmp_path: Path) -> None:
    _, samples = saved(tmp_path, "lmms-eval")
    (line,) = next(lines for name, lines in samples.items() if "letters" in name)
    assert "resps" not in line
    assert [["-1.5", "False"], ["-0.5", "True"]] == line["filtered_resps"]
