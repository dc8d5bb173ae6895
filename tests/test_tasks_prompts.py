"""Prompts: description, examples and question, as plain text and as chat messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval.api.prompt import VISUALS, Prompt
from fasteval.api.task import PromptOptions
from fasteval.errors import DatasetError, UsageError
from tests.task_folders import SHARED, load, make

if TYPE_CHECKING:
    from pathlib import Path

    from fasteval.tasks import ConfigurableTask

FIRST = "fewshot_split: train\nfewshot_config: {sampler: first_n}\n"


def prompt(task: ConfigurableTask, doc_id: int = 0, **options: Any) -> Prompt:
    """Returns the prompt of a document's first request."""
    return task.document_requests(doc_id, task.docs[doc_id], PromptOptions(**options))[0].prompt


def turn(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": [{"type": "text", "text": text}]}


def test_a_question_alone_is_plain_text(tmp_path: Path) -> None:
    assert Prompt(text="q0") == prompt(make(tmp_path))


@pytest.mark.parametrize(
    ("expected", "options"),
    [
        ("Add. t0 s0\n\nt1 s1\n\nq0", {"num_fewshot": 2}),
        ("Be brief.\n\nAdd. q0", {"system_instruction": "Be brief."}),
        ("Be brief.\n\nAdd. t0 s0\n\nq0", {"system_instruction": "Be brief.", "num_fewshot": 1}),
        ("Add. q0", {"apply_chat_template": False}),
    ],
)
def test_a_plain_prompt_is_system_description_examples_and_question(
    tmp_path: Path, expected: str, options: dict[str, Any]
) -> None:
    assert Prompt(text=expected) == prompt(make(tmp_path, f'description: "Add. "\n{FIRST}'), **options)


def test_delimiters_are_the_tasks(tmp_path: Path) -> None:
    more = f'target_delimiter: " -> "\nfewshot_delimiter: "|"\n{FIRST}'
    assert Prompt(text="sys|Q t0 -> s0|q0") == prompt(
        make(tmp_path, more + 'description: "Q "\n'), num_fewshot=1, system_instruction="sys"
    )


def test_the_beginning_of_the_answer_follows_question_and_examples(tmp_path: Path) -> None:
    task = make(tmp_path, f"gen_prefix: It is\n{FIRST}")
    assert Prompt(text="t0 It is s0\n\nq0 It is") == prompt(task, num_fewshot=1)
    messages = prompt(task, num_fewshot=1, apply_chat_template=True).messages
    assert [turn("user", "t0 It is s0\n\nq0"), turn("assistant", "It is") | {"continued": True}] == messages


def test_a_description_is_a_template(tmp_path: Path) -> None:
    assert Prompt(text="Number 3: q3") == prompt(make(tmp_path, 'description: "Number {{number}}: "\n'), 3)


@pytest.mark.parametrize(
    ("expected", "options"),
    [
        ([turn("user", "Add. q0")], {}),
        ([turn("system", "Be brief."), turn("user", "Add. q0")], {"system_instruction": "Be brief."}),
        ([turn("user", "Add. t0 s0\n\nt1 s1\n\nq0")], {"num_fewshot": 2}),
        (
            [
                turn("user", "Add. t0"),
                turn("assistant", "s0"),
                turn("user", "t1"),
                turn("assistant", "s1"),
                turn("user", "q0"),
            ],
            {"num_fewshot": 2, "fewshot_as_multiturn": True},
        ),
        ([turn("user", "Add. q0")], {"num_fewshot": 0, "fewshot_as_multiturn": True}),
    ],
)
def test_a_chat_prompt_has_the_same_parts_as_turns(
    tmp_path: Path, expected: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    made = prompt(make(tmp_path, f'description: "Add. "\n{FIRST}'), apply_chat_template=True, **options)
    assert Prompt(messages=expected) == made


@pytest.mark.parametrize("apply_chat_template", [None, True, False])
def test_a_document_with_media_is_always_chat_with_the_media_first(
    tmp_path: Path, apply_chat_template: bool | None
) -> None:
    made = prompt(make(tmp_path, "doc_to_visual: number\n"), apply_chat_template=apply_chat_template)
    assert Prompt(messages=[{"role": "user", "content": [VISUALS, {"type": "text", "text": "q0"}]}]) == made


def test_messages_of_the_task_get_system_turn_and_description(tmp_path: Path) -> None:
    utils = """
        def messages(doc):
            picture = {"type": "image", "url": "first"}
            return [{"role": "user", "content": [picture, {"type": "text", "text": doc["question"]}, picture]},
                    {"role": "assistant", "content": "Go on."}]
        """
    task = make(tmp_path, 'doc_to_messages: !function utils.messages\ndescription: "Look. "\n', utils)
    parts = [
        {"type": "text", "text": "Look. "},
        {"type": "media", "index": 0},
        {"type": "text", "text": "q0"},
        {"type": "media", "index": 1},
    ]
    expected = [turn("system", "S"), {"role": "user", "content": parts}, turn("assistant", "Go on.")]
    assert Prompt(messages=expected) == prompt(task, system_instruction="S")
    assert ["first", "first"] == task.media(task.docs[0])


def test_a_system_turn_of_the_tasks_own_keeps_its_text(tmp_path: Path) -> None:
    utils = """
        def messages(doc):
            return [{"role": "system", "content": "own"}, {"role": "user", "content": doc["question"]}]
        """
    made = prompt(make(tmp_path, "doc_to_messages: !function utils.messages\n", utils), system_instruction="run's")
    texts = [{"type": "text", "text": "run's"}, {"type": "text", "text": "own"}]
    assert Prompt(messages=[{"role": "system", "content": texts}, turn("user", "q0")]) == made


def test_the_profile_decides_on_the_options_of_prompt_functions(tmp_path: Path) -> None:
    utils = """
        def text(doc, lmms_eval_specific_kwargs=None):
            return str(lmms_eval_specific_kwargs)
        """
    more = "doc_to_text: !function utils.text\nlmms_eval_specific_kwargs: {default: {a: 1}, qwen: {a: 2}}\n"
    task = make(tmp_path, more, utils)
    assert ["{'a': 1}", "{'a': 2}", "{'a': 1}"] == [
        make(tmp_path, more, utils, prompt_profile=profile).doc_to_text({}) for profile in ("default", "qwen", "other")
    ]
    assert Prompt(text="{'a': 2}") == prompt(task, prompt_profile="qwen")
    without_default = more.replace("default: {a: 1}, ", "")
    assert "None" == make(tmp_path, without_default, utils).doc_to_text({})


def test_the_profile_decides_on_generation_and_target_options_too(tmp_path: Path) -> None:
    utils = """
        def target(doc, model_specific_target_kwargs):
            return model_specific_target_kwargs["form"]
        """
    more = """
        doc_to_target: !function utils.target
        model_specific_target_kwargs: {default: {form: long}, qwen: {form: short}}
        model_specific_generation_kwargs: {qwen: {max_new_tokens: 3}}
        """
    task = make(tmp_path, more, utils, prompt_profile="qwen")
    assert "short" == task.doc_to_target({})
    assert {"do_sample": False, "until": ["\n\n"], "max_new_tokens": 3} == task.generation_kwargs


def test_examples_never_hold_the_document_itself(tmp_path: Path) -> None:
    for more in ("", "fewshot_config: {sampler: first_n}\n"):
        task = make(tmp_path, more)
        for doc_id in range(5):
            text = prompt(task, doc_id, num_fewshot=4).text or ""
            assert sorted(f"q{other}" for other in range(5) if other != doc_id) == sorted(
                part.split()[0] for part in text.split("\n\n")[:-1]
            )


def test_examples_depend_on_seed_and_document_and_nothing_else(tmp_path: Path) -> None:
    task, again = make(tmp_path, "fewshot_split: train\n"), make(tmp_path, "fewshot_split: train\n")
    texts = [prompt(task, doc_id, num_fewshot=3).text for doc_id in range(5)]
    backwards = [prompt(again, doc_id, num_fewshot=3).text for doc_id in reversed(range(5))]
    assert texts == backwards[::-1]
    assert len({text.rsplit("\n\n", 1)[0] for text in texts if text}) > 1
    other = [prompt(task, doc_id, num_fewshot=3, fewshot_seed=5).text for doc_id in range(5)]
    assert texts != other


@given(seed=st.integers(0, 2**31), doc_id=st.integers(0, 5), count=st.integers(0, 6))
def test_a_draw_has_no_example_twice(seed: int, doc_id: int, count: int) -> None:
    task = load(SHARED, "sums")
    text = prompt(task, doc_id, num_fewshot=count, fewshot_seed=seed).text or ""
    lines = text.split("\n")
    assert count + 1 == len(lines) == len(set(lines))


def test_examples_have_the_number_that_the_run_or_else_the_task_says() -> None:
    task = load(SHARED, "sums_fewshot")
    assert [3, 1, 6] == [len((prompt(task, num_fewshot=count).text or "").split("\n")) for count in (None, 0, 5)]


def test_examples_can_be_listed_in_the_file_with_fields_of_their_own(tmp_path: Path) -> None:
    more = """
        num_fewshot: 1
        fewshot_config:
          sampler: first_n
          samples: [{ask: x, say: y}]
          doc_to_text: "<{{ask}}>"
          doc_to_target: say
        """
    assert Prompt(text="<x> y\n\nq0") == prompt(make(tmp_path, more))
    utils = "def samples():\n    return [{'ask': 'f', 'say': 'g'}]\n"
    more = more.replace("[{ask: x, say: y}]", "!function utils.samples")
    assert Prompt(text="<f> g\n\nq0") == prompt(make(tmp_path, more, utils))


@pytest.mark.parametrize(
    ("error", "message", "more", "options"),
    [
        (
            UsageError,
            "task 'plain': --fewshot_as_multiturn needs",
            "",
            {"num_fewshot": 1, "fewshot_as_multiturn": True},
        ),
        (DatasetError, "task 'plain' has 4 few-shot examples, not 9", "", {"num_fewshot": 9}),
    ],
)
def test_options_that_a_task_cannot_honour_stop_the_run(
    tmp_path: Path, error: type[Exception], message: str, more: str, options: dict[str, Any]
) -> None:
    with pytest.raises(error) as caught:
        make(tmp_path, more).compile(PromptOptions(**options))
    assert message in str(caught.value)


def test_the_classic_context_is_the_prompts_text(tmp_path: Path) -> None:
    task = make(tmp_path, FIRST)
    doc = task.docs[1]
    assert "t0 s0\n\nq1" == task.fewshot_context(doc, 1)
    assert "sys\nq1" == task.fewshot_context(doc, 0, "sys", True)
    same_split = make(tmp_path, "fewshot_config: {sampler: first_n}\n")
    assert "q1 a1\n\nq0" == same_split.fewshot_context(same_split.docs[0], 1)
