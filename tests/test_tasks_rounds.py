"""Dialogs of several rounds, in both forms in which tasks write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fasteval.api.prompt import VISUALS, Prompt
from fasteval.api.request import Kind
from fasteval.api.task import PromptOptions, Round
from fasteval.errors import DocumentError
from tests.task_folders import make

if TYPE_CHECKING:
    from pathlib import Path

    from fasteval.tasks import ConfigurableTask

KIND = "output_type: generate_until_multi_round\n"
TEXT = """
    def text(doc, lmms_eval_specific_kwargs=None, round_idx=None, previous_output=None, previous_round_info=None):
        if round_idx is None:
            return doc["question"]
        info = (previous_round_info or 0) + 1
        if round_idx == 3:
            return None, None, True, previous_output, info
        visuals = [f"frame{round_idx}"] if round_idx == 2 else []
        return visuals, f"round {round_idx} after {previous_output[-1]}", False, previous_output, info

    def visual(doc):
        return ["frame0"]
    """
MESSAGES = """
    def messages(doc, round_idx=0, previous_output=None, previous_round_info=None):
        content = [{"type": "image", "url": f"frame{round_idx}"}, {"type": "text", "text": doc["question"]}]
        return [{"role": "user", "content": content}], round_idx == 2, previous_output, "info"
    """


def text_task(folder: Path, more: str = "") -> ConfigurableTask:
    return make(folder, f"{KIND}doc_to_text: !function utils.text\n{more}", TEXT)


def following(task: ConfigurableTask, round_idx: int, outputs: list[str], info: Any = None, **options: Any) -> Round:
    return task.next_round(task.docs[0], round_idx, outputs, info, PromptOptions(**options))


def test_a_dialog_is_one_row_with_its_first_round(tmp_path: Path) -> None:
    task = text_task(tmp_path)
    table = task.build_all_requests(limit=1)
    row = table.row(0)
    assert (1, Kind.GENERATE_UNTIL_MULTI_ROUND, 0, Prompt(text="q0")) == (len(table), row.kind, row.slot, row.prompt)


def test_text_in_round_form_leads_the_dialog(tmp_path: Path) -> None:
    task = text_task(tmp_path)
    assert Round(Prompt(text="round 1 after one"), (), ["one"], 1) == following(task, 1, ["one"])
    second = following(task, 2, ["one", "two"], 1)
    content = [VISUALS, {"type": "text", "text": "round 2 after two"}]
    assert Round(Prompt(messages=[{"role": "user", "content": content}]), ["frame2"], ["one", "two"], 2) == second
    assert Round(None, outputs=["a", "b", "c"], info=3) == following(task, 3, ["a", "b", "c"], 2)


def test_a_dialog_with_media_stays_chat_with_its_system_turn(tmp_path: Path) -> None:
    task = text_task(tmp_path, "doc_to_visual: !function utils.visual\n")
    system = {"role": "system", "content": [{"type": "text", "text": "S"}]}
    user = {"role": "user", "content": [{"type": "text", "text": "round 1 after one"}]}
    assert Prompt(messages=[system, user]) == following(task, 1, ["one"], system_instruction="S").prompt
    assert ["frame0"] == task.media(task.docs[0])


def test_messages_in_round_form_lead_the_dialog(tmp_path: Path) -> None:
    task = make(tmp_path, f"{KIND}doc_to_messages: !function utils.messages\n", MESSAGES)
    content = [{"type": "media", "index": 0}, {"type": "text", "text": "q0"}]
    expected = Prompt(messages=[{"role": "user", "content": content}])
    assert expected == task.build_all_requests(limit=1).row(0).prompt
    assert ["frame0"] == task.media(task.docs[0])
    assert Round(expected, ["frame1"], ["one"], "info") == following(task, 1, ["one"])
    assert following(task, 2, ["one", "two"]).prompt is None
    assert content[1] == task.doc_to_messages(task.docs[0])[0]["content"][1]


def test_the_classic_next_round_function_is_the_tasks_own(tmp_path: Path) -> None:
    task = text_task(tmp_path)
    task.build_all_requests(limit=1)
    context, _, _, next_round, doc_id, name, split = task.instances[0].args
    assert ("q0", 0, "plain", "test") == (context, doc_id, name, split)
    visuals, text, is_over, outputs, info = next_round(
        task.docs[0], round_idx=1, previous_output=["x"], previous_round_info=None
    )
    assert ([], "round 1 after x", False, ["x"], 1) == (visuals, text, is_over, outputs, info)


def test_a_function_that_is_not_in_round_form_costs_the_document(tmp_path: Path) -> None:
    task = make(tmp_path, f"{KIND}doc_to_text: !function utils.text\n", "def text(doc):\n    return 'q'\n")
    with pytest.raises(DocumentError, match="round 1: expected 5 results, got str"):
        following(task, 1, ["one"])


@pytest.mark.parametrize(("chat", "expected"), [(False, "q1 a1\n\nq0"), (True, "q1 a1\n\nq0")])
def test_examples_stand_before_a_dialogs_first_round_and_no_other(tmp_path: Path, chat: bool, expected: str) -> None:
    task = text_task(tmp_path, "fewshot_config: {sampler: first_n}\n")
    options = PromptOptions(num_fewshot=1, apply_chat_template=chat)
    (request,) = task.document_requests(0, task.docs[0], options)
    assert (expected, chat) == (request.prompt.plain_text(), request.prompt.is_chat)
    later = task.next_round(task.docs[0], 1, ["one"], None, options).prompt
    assert later is not None
    assert "round 1 after one" == later.plain_text()
