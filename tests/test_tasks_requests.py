"""Requests: rows and instances by output type, shards, and the request cache."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval.api.request import Kind
from fasteval.api.task import PromptOptions
from fasteval.errors import DocumentError
from tests.task_folders import SHARED, load, make, write

if TYPE_CHECKING:
    from pathlib import Path

    from fasteval.requests import RequestTable
    from fasteval.tasks import ConfigurableTask


def rows(table: RequestTable) -> list[tuple[int, int, Kind, str, str | None]]:
    decoded = [table.row(index) for index in range(len(table))]
    return [(row.doc_id, row.slot, row.kind, row.prompt.plain_text(), row.continuation) for row in decoded]


def test_a_greedy_generation_is_one_row_whatever_the_repeats(tmp_path: Path) -> None:
    table = make(tmp_path, "repeats: 3\n").build_all_requests(limit=2)
    assert [(0, 0, Kind.GENERATE_UNTIL, "q0", None), (1, 0, Kind.GENERATE_UNTIL, "q1", None)] == rows(table)
    assert [{"do_sample": False, "until": ["\n\n"]}] == table.generation_kwargs


@pytest.mark.parametrize(
    ("expected", "kwargs"),
    [
        (3, "{do_sample: true}"),
        (3, "{temperature: 0.5}"),
        (1, "{temperature: 0.5, do_sample: false}"),
        (1, "{temperature: 0}"),
    ],
)
def test_a_sampled_generation_is_one_row_a_repeat(tmp_path: Path, expected: int, kwargs: str) -> None:
    table = make(tmp_path, f"repeats: 3\ngeneration_kwargs: {kwargs}\n").build_all_requests(limit=1)
    assert list(range(expected)) == table.slot.tolist()


def test_choices_are_one_row_each_with_the_delimiter_before_them() -> None:
    table = load(SHARED, "sums_choices").build_all_requests(limit=1)
    expected = [(0, slot, Kind.LOGLIKELIHOOD, "0 + 1 =", f" {slot}") for slot in range(4)]
    assert expected == rows(table)
    assert 1 == len(set(table.prompt.tolist()))


def test_choices_in_a_chat_are_bare() -> None:
    table = load(SHARED, "sums_choices").build_all_requests(limit=1, apply_chat_template=True)
    assert ["0", "1", "2", "3"] == [continuation for *_, continuation in rows(table)]


def test_choices_that_are_questions_have_a_prompt_each_and_one_continuation() -> None:
    task = load(SHARED, "winners")
    expected = [
        (0, 0, Kind.LOGLIKELIHOOD, "The cup", " rolled."),
        (0, 1, Kind.LOGLIKELIHOOD, "The ball", " rolled."),
    ]
    assert expected == rows(task.build_all_requests())
    assert [("The cup", " rolled."), ("The ball", " rolled.")] == [instance.args[:2] for instance in task.instances]
    made = task.construct_requests(0, task.fewshot_context(task.docs[0]))
    assert isinstance(made, list)
    assert [("The cup", " rolled."), ("The ball", " rolled.")] == [instance.args[:2] for instance in made]


@pytest.mark.parametrize(
    ("more", "options"),
    [
        ("", {}),
        ('gen_prefix: "It is"\ntarget_delimiter: "  "\n', {"system_instruction": "Be brief."}),
        ("repeats: 2\ngeneration_kwargs: {do_sample: true}\n", {}),
        ("output_type: multiple_choice\ndoc_to_choice: [a, été]\ndoc_to_target: 0\n", {}),
        ("output_type: multiple_choice\ndoc_to_choice: parts\ndoc_to_target: 0\n", {"system_instruction": "Choose."}),
    ],
)
def test_documents_compiled_together_make_the_rows_of_each_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, options: dict[str, Any]
) -> None:
    utils = """
    DOCS = [{"question": f"q{i} 100 %", "answer": "é" * i, "parts": ["a", "b" * 40][: i + 1]} for i in range(3)]
    DOCS.append({"question": "no choices and no answer", "answer": "", "parts": []})
    """
    task = make(tmp_path, f'doc_to_text: "Say: {{{{question}}}}"\n{more}', utils)
    counted = Counted(task, monkeypatch)
    together = task.build_all_requests(**options)
    assert (4 if "parts" in more else 0) == counted.calls  # one document is broken: all of its block go one by one
    monkeypatch.setattr(task, "plain_requests", lambda *_: None)
    assert saved(tmp_path / "a", task.build_all_requests(**options)) == saved(tmp_path / "b", together)


def test_a_column_of_numbers_is_no_template(tmp_path: Path) -> None:
    utils = 'DOCS = [{"the right one": i, "parts": ["a ball", "a cup"]} for i in range(2)]'
    more = 'output_type: multiple_choice\ndoc_to_text: the right one\ndoc_to_choice: parts\ndoc_to_target: " rolls"\n'
    table = make(tmp_path, more, utils).build_all_requests(limit=1)
    assert ["a ball", "a cup"] == [prompt for _, _, _, prompt, _ in rows(table)]


def saved(path: Path, table: RequestTable) -> bytes:
    table.save(path)
    return path.read_bytes()


def test_a_continuation_is_the_bare_target(tmp_path: Path) -> None:
    table = make(tmp_path, "output_type: loglikelihood\n").build_all_requests(limit=1)
    assert [(0, 0, Kind.LOGLIKELIHOOD, "q0", "a0")] == rows(table)


def test_a_rolling_request_is_the_target_alone(tmp_path: Path) -> None:
    task = make(tmp_path, "output_type: loglikelihood_rolling\ndescription: not part of it\n")
    table = task.build_all_requests(limit=1, apply_chat_template=True)
    assert [(0, 0, Kind.LOGLIKELIHOOD_ROLLING, "a0", None)] == rows(table)
    assert ("a0",) == task.instances[0].args


def test_instances_have_the_argument_tuples_of_the_classic_api(tmp_path: Path) -> None:
    task = make(tmp_path, "metadata: {version: 2, extra: x}\nrepeats: 3\n")
    task.build_all_requests()
    instance = task.instances[1]
    kwargs = {"do_sample": False, "until": ["\n\n"]}
    assert ("generate_until", 0, 3, "plain", 1) == (
        instance.request_type,
        instance.idx,
        instance.repeats,
        instance.task_name,
        instance.doc_id,
    )
    assert ("q1", kwargs, task.doc_to_visual, 1, "plain", "test") == instance.args
    own = {"task": "plain", "doc_id": 1, "repeats": 3, "split": "test"}
    assert own | {"version": 2, "extra": "x"} == instance.metadata
    request = task.document_requests(1, task.docs[1], PromptOptions())[0]
    chat = task.instance(request, 1, is_simple=False)
    assert ("q1", task.doc_to_messages, kwargs, 1, "plain", "test") == chat.args


def test_a_models_changes_to_its_arguments_reach_no_other_request(tmp_path: Path) -> None:
    task = make(tmp_path)
    task.build_all_requests()
    task.instances[0].args[1]["until"] = None
    assert ["\n\n"] == task.instances[1].args[1]["until"]
    assert ["\n\n"] == task.generation_kwargs["until"]


def test_instances_are_made_when_they_are_looked_at_and_keep_their_answers(tmp_path: Path) -> None:
    task = make(tmp_path)
    assert 0 == len(task.instances)
    table = task.build_all_requests()
    assert task.table is table
    assert 5 == len(task.instances)
    task.instances[2].resps.append("x")
    assert [[], ["x"]] == [instance.resps for instance in task.instances[1:3]]
    assert task.instances[-1] is task.instances[4]
    with pytest.raises(IndexError):
        task.instances[5]


def test_mutual_information_asks_for_each_choice_without_the_question_too(tmp_path: Path) -> None:
    more = "output_type: multiple_choice\ndoc_to_choice: ['x', 'y']\nmetric_list: [{metric: acc_mutual_info}]\n"
    task = make(tmp_path, more)
    requests = task.document_requests(0, task.docs[0], PromptOptions())
    expected = [(0, "q0", " x"), (1, "q0", " y"), (2, "", " x"), (3, "", " y")]
    assert expected == [(request.slot, request.prompt.text, request.continuation) for request in requests]


def test_mutual_information_has_no_meaning_where_choices_are_questions() -> None:
    task = load(SHARED, "winners")
    task.set_config("metric_list", [{"metric": "acc_mutual_info"}])
    with pytest.raises(DocumentError, match="the choices are the questions"):
        task.document_requests(0, task.docs[0], PromptOptions())


def test_construct_requests_takes_any_context(tmp_path: Path) -> None:
    task = make(tmp_path)
    instance = task.construct_requests(0, "my context", metadata={"more": 1})
    assert not isinstance(instance, list)
    assert ("my context", 1) == (instance.args[0], instance.metadata["more"])
    choices = load(SHARED, "sums_choices").construct_requests(0, "ctx")
    assert isinstance(choices, list)
    assert [(0, "ctx", " 0"), (1, "ctx", " 1")] == [(item.idx, *item.args[:2]) for item in choices[:2]]


def test_classic_messages_hold_the_media_and_then_the_text(tmp_path: Path) -> None:
    task = make(tmp_path, "doc_to_visual: !function utils.visual\n", "def visual(doc):\n    return ['v.mp4']\n")
    (tmp_path / "v.mp4").touch()
    content = [{"type": "video", "url": str(tmp_path / "v.mp4")}, {"type": "text", "text": "q0"}]
    assert [{"role": "user", "content": content}] == task.doc_to_messages(task.docs[0])


@given(
    limit=st.none() | st.integers(0, 8) | st.floats(0.1, 0.9),
    offset=st.integers(0, 7),
    world_size=st.integers(1, 4),
)
def test_shards_together_are_what_one_rank_sees(limit: float | None, offset: int, world_size: int) -> None:
    task = load(SHARED, "sums")
    whole = rows(task.build_all_requests(limit=limit, offset=offset))
    parts = [
        rows(task.build_all_requests(limit=limit, offset=offset, rank=rank, world_size=world_size))
        for rank in range(world_size)
    ]
    assert sorted(whole) == sorted(row for part in parts for row in part)
    assert whole == [row for row in rows(task.build_all_requests()) if row in whole]


def test_a_document_that_cannot_be_prompted_costs_itself_only(tmp_path: Path) -> None:
    table = make(tmp_path, 'doc_to_text: "{{ [1][number - 1] }}{{ 1 // (number - 3) }}"\n').build_all_requests()
    assert {0, 1, 2, 3, 4} == {*table.doc.tolist(), *(failure.doc_id for failure in table.failures)}
    [failure] = [failure for failure in table.failures if failure.doc_id == 3]
    assert failure.reason.startswith("DocumentError: template ")


class Counted:
    """Counts how often a task builds a document's requests."""

    def __init__(self, task: ConfigurableTask, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        original = task.document_requests

        def document_requests(*args: Any) -> Any:
            self.calls += 1
            return original(*args)

        monkeypatch.setattr(task, "document_requests", document_requests)


def build(folder: Path, monkeypatch: pytest.MonkeyPatch, more: str = "", utils: str = "", **options: Any) -> int:
    """Compiles the task anew, and returns how many documents had to be built."""
    task = make(folder, more, utils)
    task.cache_folder = folder / "cache"
    counted = Counted(task, monkeypatch)
    task.build_all_requests(**({"cache_requests": True} | options))
    return counted.calls


def test_the_request_cache_saves_building(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 5 == build(tmp_path, monkeypatch)
    assert 0 == build(tmp_path, monkeypatch)
    [path] = (tmp_path / "cache" / "requests").iterdir()
    assert re.fullmatch(r"[0-9a-f]{32}\.safetensors", path.name)


def test_a_table_from_the_cache_is_the_one_that_was_built(tmp_path: Path) -> None:
    tables = []
    for _ in range(2):
        task = make(tmp_path)
        task.cache_folder = tmp_path / "cache"
        tables.append(task.build_all_requests(cache_requests=True))
        assert "q3" == task.instances[3].args[0]
    assert rows(tables[0]) == rows(tables[1])
    assert np.array_equal(tables[0].digest, tables[1].digest)
    assert isinstance(tables[1].digest.base, np.ndarray)


@pytest.mark.parametrize(
    ("more", "utils", "options"),
    [
        ("description: other\n", "", {}),
        ("", "def unused():\n    pass\n", {}),
        ("", "DOCS[0]['question'] = 'changed'\n", {}),
        ("", "", {"system_instruction": "x"}),
        ("", "", {"apply_chat_template": True}),
        ("", "", {"chat_template": "x"}),
        ("", "", {"tokenizer_name": "x"}),
        ("", "", {"limit": 4}),
        ("", "", {"offset": 1}),
        ("", "", {"world_size": 2}),
    ],
)
def test_whatever_changes_the_requests_misses_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, utils: str, options: dict[str, Any]
) -> None:
    build(tmp_path, monkeypatch)
    assert 0 < build(tmp_path, monkeypatch, more, utils, **options)


def test_another_version_misses_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(tmp_path, monkeypatch)
    monkeypatch.setattr("fasteval.__version__", "other")
    assert 5 == build(tmp_path, monkeypatch)


def test_rewriting_builds_and_keeps_the_new_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(tmp_path, monkeypatch)
    [path] = (tmp_path / "cache" / "requests").iterdir()
    before = path.stat().st_ino
    assert 5 == build(tmp_path, monkeypatch, rewrite_requests_cache=True)
    assert before != path.stat().st_ino
    assert 0 == build(tmp_path, monkeypatch)


def test_without_being_asked_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [5, 5] == [build(tmp_path, monkeypatch, cache_requests=False) for _ in range(2)]
    assert not (tmp_path / "cache").exists()


def test_a_damaged_table_is_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    build(tmp_path, monkeypatch)
    [path] = (tmp_path / "cache" / "requests").iterdir()
    path.write_bytes(b"broken")
    assert 5 == build(tmp_path, monkeypatch)
    assert "not a request table" in caplog.text
    assert 0 == build(tmp_path, monkeypatch)


def test_a_table_with_failures_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = 'doc_to_text: "{{ 1 // number }}"\n'
    assert [5, 5] == [build(tmp_path, monkeypatch, more) for _ in range(2)]


def test_a_table_that_depends_on_files_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    Image.new("RGB", (2, 2)).save(write(tmp_path, {}) / "p.png")
    utils = "for doc in DOCS:\n    doc['image'] = 'p.png'\n"
    assert [5, 5] == [build(tmp_path, monkeypatch, "doc_to_visual: image\n", utils) for _ in range(2)]


def test_the_users_cache_folder_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTEVAL_CACHE", str(tmp_path / "users"))
    make(tmp_path).build_all_requests(cache_requests=True)
    assert 1 == len(list((tmp_path / "users" / "requests").iterdir()))


def test_examples_of_another_split_are_part_of_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = "fewshot_split: train\nnum_fewshot: 1\ndataset_kwargs: {start: 0}\ncustom_dataset: !function data.load\n"
    data = """
        def load(start):
            return {"test": [{"question": "q", "answer": "a"}], "train": [{"question": WORD, "answer": ""}]}
        """
    counts = []
    for word in ("one", "two", "two"):
        monkeypatch.setattr("builtins.WORD", word, raising=False)
        write(tmp_path, {"data.py": data})
        counts.append(build(tmp_path, monkeypatch, more))
    assert [1, 1, 0] == counts
