"""The fields of a task file: defaults, checks, and what this version refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval.api.task import PromptOptions
from fasteval.errors import TaskFileError
from fasteval.tasks import TaskConfig
from tests.task_folders import load, make

if TYPE_CHECKING:
    from pathlib import Path

BASE = {"task": "t", "dataset_path": "json", "test_split": "test", "doc_to_text": "q", "doc_to_target": "a"}


def config(**fields: object) -> TaskConfig:
    return TaskConfig(**(BASE | fields))  # type: ignore[arg-type]  # wrong values are what is tested


@pytest.mark.parametrize(
    ("expected", "output_type"),
    [
        (["exact_match"], "generate_until"),
        (["exact_match"], "generate_until_multi_round"),
        (["acc", "acc_norm"], "multiple_choice"),
        (["perplexity", "acc"], "loglikelihood"),
        (["word_perplexity", "byte_perplexity", "bits_per_byte"], "loglikelihood_rolling"),
    ],
)
def test_metrics_follow_from_the_output_type(expected: list[str], output_type: str) -> None:
    made = config(output_type=output_type, doc_to_choice=["a"])
    assert expected == [entry["metric"] for entry in made.metric_list]


@pytest.mark.parametrize(
    ("expected", "given_kwargs"),
    [
        ({"do_sample": False, "until": ["\n\n"]}, {}),
        ({"max_new_tokens": 3, "until": ["\n\n"]}, {"max_new_tokens": 3}),
        ({"until": ["."]}, {"until": "."}),
        ({"until": []}, {"until": []}),
    ],
)
def test_generation_stops_at_the_fewshot_delimiter_unless_the_task_says_otherwise(
    expected: dict[str, object], given_kwargs: dict[str, object]
) -> None:
    assert expected == config(generation_kwargs=given_kwargs).generation_kwargs


def test_a_group_of_a_task_is_a_tag_and_not_both() -> None:
    assert (("old",), ()) == (config(group="old").tag, config(group="old").group)
    assert ("a", "b") == config(tag=["a", "b"]).tag
    with pytest.raises(TaskFileError, match="either 'tag' or 'group'"):
        config(group="old", tag="new")


@pytest.mark.parametrize(("expected", "metadata"), [(1, {"version": 1}), (2.5, [{"x": 1}, {"version": 2.5}]), (0, {})])
def test_the_version_stands_in_the_metadata(expected: float, metadata: object) -> None:
    assert expected == config(metadata=metadata).version


def test_a_number_as_configuration_name_is_a_text() -> None:
    assert "2024" == config(dataset_name=2024).dataset_name


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (
            "output_type: 'multiple_choices' is not supported: did you mean 'multiple_choice'?",
            {"output_type": "multiple_choices"},
        ),
        ("test_split: name the split", {"test_split": None}),
        ("dataset_path: name the data set", {"dataset_path": None}),
        ("doc_to_choice: ", {"output_type": "multiple_choice"}),
        ("doc_to_text: say what", {"doc_to_text": None}),
        ("doc_to_target: say what", {"doc_to_target": None}),
        ("num_fewshot: expected a whole number of at least 0, got -1", {"num_fewshot": -1}),
        ("repeats: expected a whole number of at least 1, got 0", {"repeats": 0}),
        ("repeats: expected a whole number of at least 1, got True", {"repeats": True}),
        ("process_docs: expected !function", {"process_docs": "utils.f"}),
        ("dataset_kwargs: expected a mapping", {"dataset_kwargs": ["a"]}),
        ("full_docs: expected true or false", {"full_docs": "yes"}),
        ("description: expected a text", {"description": 3}),
        ("description: not a template (its line 1)", {"description": "{{ a"}),
        ("doc_to_text: not a template", {"doc_to_text": "{% if %}"}),
        ("metric_list: expected a list of mappings", {"metric_list": ["exact_match"]}),
        ("filter_list: the entry", {"filter_list": [{"filter": []}]}),
        ("fewshot_config: unknown key 'sampels': did you mean 'samples'?", {"fewshot_config": {"sampels": []}}),
        ("fewshot_config: the sampler 'x' is not supported", {"fewshot_config": {"sampler": "x"}}),
        ("generation_kwargs: unknown generation option 'temprature'", {"generation_kwargs": {"temprature": 1}}),
        ("model_specific_generation_kwargs: ", {"model_specific_generation_kwargs": {"m": {"n": -1}}}),
        ("reasoning_tags: expected a list of pairs", {"reasoning_tags": ["<think>"]}),
    ],
)
def test_a_wrong_value_is_refused_when_the_file_is_loaded(message: str, fields: dict[str, object]) -> None:
    with pytest.raises(TaskFileError) as caught:
        config(**fields)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        ("output_type: 'generate_until_agentic' cannot be run", {"output_type": "generate_until_agentic"}),
        ("output_type: 'generate_visual_cot' cannot be run", {"output_type": "generate_visual_cot"}),
        ("doc_to_audio: beside", {"doc_to_audio": "sound", "doc_to_visual": "image"}),
        ("use_prompt: promptsource", {"use_prompt": "x"}),
        ("unsafe_code: ", {"unsafe_code": True}),
        ("generation_kwargs: generation option num_beams=4 is not supported", {"generation_kwargs": {"num_beams": 4}}),
        ("dataset_kwargs: 'video' needs a 'cache_dir'", {"dataset_kwargs": {"video": True}}),
        ("dataset_kwargs: 'From_YouTube' is not", {"dataset_kwargs": {"From_YouTube": True}}),
        ("dataset_kwargs: 'builder_script' is not", {"dataset_kwargs": {"builder_script": "load.py"}}),
        ("metric_list: metrics of the package 'evaluate'", {"metric_list": [{"metric": "x", "hf_evaluate": True}]}),
        ("gen_prefix: ", {"gen_prefix": "So", "doc_to_messages": lambda doc: []}),
    ],
)
def test_what_this_version_cannot_do_loads_and_is_refused_before_data_and_engine(
    tmp_path: Path, message: str, fields: dict[str, object]
) -> None:
    task = make(tmp_path)
    task.set_config("process_results", len)
    for name, value in fields.items():
        task.set_config(name, value)
    for ask in (lambda: task.docs, lambda: task.compile(PromptOptions())):
        with pytest.raises(TaskFileError) as caught:
            ask()
        assert message in str(caught.value)


def test_options_that_only_another_profile_s_model_knows_are_looked_at_when_that_profile_is_used(
    tmp_path: Path,
) -> None:
    make(tmp_path, "model_specific_generation_kwargs: {other: {patch_size: 16}}\n").compile(PromptOptions())
    task = load(tmp_path, "plain", prompt_profile="other")
    with pytest.raises(TaskFileError, match="generation_kwargs: unknown generation option 'patch_size'"):
        task.compile(PromptOptions())


def test_an_unknown_field_offers_the_nearest_one_with_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError) as caught:
        make(tmp_path, "doc_to_taget: answer\n")
    expected = f"{tmp_path}/plain.yaml:6: doc_to_taget: unknown field: did you mean 'doc_to_target'?"
    assert expected == str(caught.value)


@pytest.mark.parametrize(
    ("message", "more"),
    [
        ("plain.yaml:6: metric_list: unknown metric 'exact_mach': did you mean 'exact_match'?", "exact_mach"),
        ("plain.yaml:6: metric_list: 'acc' does not go with", "acc"),
    ],
)
def test_a_metric_that_cannot_be_is_refused(tmp_path: Path, message: str, more: str) -> None:
    kind = "output_type: loglikelihood_rolling\n" if more == "acc" else ""
    with pytest.raises(TaskFileError) as caught:
        make(tmp_path, f"metric_list: [{{metric: {more}}}]\n{kind}")
    assert message in str(caught.value)


def test_metrics_of_a_task_that_scores_itself_need_not_be_known(tmp_path: Path) -> None:
    more = "process_results: !function utils.score\nmetric_list: [{metric: own_score, higher_is_better: false}]\n"
    task = make(tmp_path, more, "def score(doc, results):\n    return {'own_score': 1}\n")
    assert {"own_score": False} == task.higher_is_better()
    assert 2.0 == task.aggregation()["own_score"]([1.0, 3.0])


def test_settings_for_results_are_plain_json(tmp_path: Path) -> None:
    import orjson

    task = make(tmp_path, "metadata: {version: 3}\ndataset_kwargs: {revision: abc}\n")
    settings = task.config_for_results()
    assert settings == orjson.loads(orjson.dumps(settings))
    assert "<utils.load>" == settings["custom_dataset"]
    assert ("abc", 3) == (settings["dataset_revision"], task.VERSION)


def test_a_changed_setting_is_checked_and_takes_effect(tmp_path: Path) -> None:
    task = make(tmp_path)
    before = task.fingerprint
    task.set_config("generation_kwargs", {"max_new_tokens": 7}, update=True)
    assert {"do_sample": False, "until": ["\n\n"], "max_new_tokens": 7} == task.generation_kwargs
    assert before != task.fingerprint
    with pytest.raises(TaskFileError, match="unknown field"):
        task.set_config("num_fewshots", 3)


@given(st.dictionaries(st.sampled_from(["max_new_tokens", "top_k"]), st.integers(1, 9)))
def test_checking_settings_twice_changes_nothing(kwargs: dict[str, int]) -> None:
    once = config(generation_kwargs=kwargs, metadata=[{"version": 1}], tag="a")
    assert once == once.with_fields({})


def test_a_task_that_runs_a_models_code_is_run_where_that_is_confirmed(tmp_path: Path) -> None:
    task = make(tmp_path, "unsafe_code: true\n")
    task.runs_unsafe_code = True
    assert 5 == len(task.docs)
