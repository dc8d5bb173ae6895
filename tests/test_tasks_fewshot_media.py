"""Few-shot prompts of tasks with media: each example's pictures stand before its question, and belong to the key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

import fasteval
from fasteval.api.request import EngineRequest, Response
from fasteval.api.task import PromptOptions
from fasteval.models.replay import ReplayEngine
from tests.task_folders import load, write

if TYPE_CHECKING:
    from pathlib import Path

    from fasteval.tasks import ConfigurableTask

TASK = """
task: colours
dataset_path: json
dataset_kwargs: {data_files: {test: test.json, train: train.json}}
test_split: test
fewshot_split: train
fewshot_config: {sampler: first_n}
description: "Name the colour.\\n"
doc_to_visual: pictures
doc_to_text: question
doc_to_target: answer
metric_list: [{metric: exact_match}]
"""
MESSAGES = """
    def messages(doc):
        parts = [{"type": "image", "url": name} for name in doc["pictures"]]
        content = [{"type": "text", "text": "Look:"}, *parts, {"type": "text", "text": doc["question"]}]
        return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]
"""


def png(folder: Path, name: str, shade: int) -> None:
    Image.new("RGB", (4, 4), (shade, 0, 0)).save(folder / f"{name}.png")


def make(folder: Path, more: str = "", **options: Any) -> ConfigurableTask:
    """Two questions; the first example has two pictures, the second none, the third one."""
    import orjson

    pictures = {"q0": ["a.png"], "q1": ["b.png", "a.png"], "t0": ["c.png", "d.png"], "t1": [], "t2": ["e.png"]}
    docs = [{"question": f"{n}?", "answer": f"{n}!", "pictures": names} for n, names in pictures.items()]
    for shade, name in enumerate("abcde"):
        if not (folder / f"{name}.png").exists():
            png(folder, name, shade)
    (folder / "test.json").write_bytes(orjson.dumps(docs[:2]))
    (folder / "train.json").write_bytes(orjson.dumps(docs[2:]))
    write(folder, {"colours.yaml": TASK + more, "utils.py": MESSAGES})
    return load(folder, "colours", **options)


def shown(folder: Path, more: str = "", **options: Any) -> list[EngineRequest]:
    """The requests that an engine gets of a run over the task."""
    make(folder, more)
    engine = ReplayEngine(lambda request: Response(texts=("q0!",), finish_reason="stop"))
    run = fasteval.evaluate(engine, "colours", include_path=[str(folder)], no_cache=True, **options)
    assert [None, None] == [document.error for document in run.tasks["colours"].documents]
    return sorted(engine.requests, key=lambda request: request.row)


def pictures(*indices: int) -> list[dict[str, Any]]:
    return [{"type": "media", "index": index, "kind": "image"} for index in indices]


def text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def reds(request: EngineRequest) -> list[int]:
    """The shades of a request's pictures, which tell which they are."""
    from fasteval.media import decode_image

    return [decode_image(medium).getpixel((0, 0))[0] for medium in request.media]  # type: ignore[index]


def test_examples_are_one_turn_with_the_question_each_picture_before_its_text(tmp_path: Path) -> None:
    first, second = shown(tmp_path, num_fewshot=3)
    examples = [
        text("Name the colour.\n"),
        *pictures(0, 1),
        text("t0? t0!\n\nt1? t1!\n\n"),
        *pictures(2),
        text("t2? t2!\n\n"),
    ]
    # The pictures that t1 does not have leave a seam between two texts.
    seam = [*examples[:3], *examples[3:]]
    seam[3:4] = [text("t0? t0!\n\n"), text("t1? t1!\n\n")]
    content = first.prompt.messages[0]["content"]  # type: ignore[index]
    assert [*seam, *pictures(3), text("q0?")] == content
    assert [2, 3, 4, 0] == reds(first)
    assert [2, 3, 4, 1, 0] == reds(second)


def test_examples_can_be_turns_of_a_dialog(tmp_path: Path) -> None:
    first, _ = shown(tmp_path, num_fewshot=1, fewshot_as_multiturn=True, apply_chat_template=True)
    assert [
        {"role": "user", "content": [text("Name the colour.\n"), *pictures(0, 1), text("t0?")]},
        {"role": "assistant", "content": [text("t0!")]},
        {"role": "user", "content": [*pictures(2), text("q0?")]},
    ] == first.prompt.messages


def test_without_examples_the_prompt_is_what_it_always_was(tmp_path: Path) -> None:
    first, _ = shown(tmp_path)
    assert [{"role": "user", "content": [*pictures(0), text("Name the colour.\nq0?")]}] == first.prompt.messages


@pytest.mark.parametrize("as_turns", [False, True])
def test_examples_of_a_task_that_writes_its_own_messages_are_what_its_user_says(tmp_path: Path, as_turns: bool) -> None:
    more = "doc_to_messages: !function utils.messages\n"
    first, _ = shown(tmp_path, more, num_fewshot=1, fewshot_as_multiturn=as_turns, apply_chat_template=True)
    system = {"role": "system", "content": [text("Be brief.")]}
    asked = [text("Name the colour.\n"), text("Look:"), *pictures(0, 1), text("t0?")]
    question = [text("Look:"), *pictures(2), text("q0?")]
    messages = first.prompt.messages or []
    assert system == messages[0]
    if as_turns:
        joined = [text("Name the colour.\nLook:"), *asked[2:]]
        assert [("user", joined), ("assistant", [text("t0!")]), ("user", question)] == [
            (message["role"], message["content"]) for message in messages[1:]
        ]
    else:
        assert [*asked, text(" t0!\n\n"), *question] == messages[1]["content"]
    assert [2, 3, 0] == reds(first)


@pytest.mark.parametrize("more", ["", "doc_to_messages: !function utils.messages\n"])
def test_the_key_covers_the_pictures_of_the_examples(tmp_path: Path, more: str) -> None:
    def digests(count: int) -> list[bytes]:
        table = make(tmp_path, more).compile(PromptOptions(num_fewshot=count))
        return [bytes(row) for row in table.digest]

    none, one, three = digests(0), digests(1), digests(3)
    png(tmp_path, "e", 99)  # the third example's
    assert (none, one) == (digests(0), digests(1))
    assert not set(three) & set(digests(3))


def test_all_pictures_of_a_prompt_are_told_to_the_plan(tmp_path: Path) -> None:
    table = make(tmp_path).compile(PromptOptions(num_fewshot=3))
    assert [4, 5] == (table.media_offsets[1:] - table.media_offsets[:-1]).tolist()


def test_the_beginning_of_the_answer_is_a_turn_that_goes_on(tmp_path: Path) -> None:
    first, _ = shown(
        tmp_path, "gen_prefix: It is\n", num_fewshot=1, fewshot_as_multiturn=True, apply_chat_template=True
    )
    messages = first.prompt.messages or []
    assert [text("It is t0!")] == messages[1]["content"]
    assert {"role": "assistant", "content": [text("It is")], "continued": True} == messages[-1]


@pytest.mark.parametrize(("prefix", "expected"), [("It is", " red"), ('"It is: "', "red")])
def test_choices_are_set_apart_from_the_beginning_of_the_answer(tmp_path: Path, prefix: str, expected: str) -> None:
    more = f'gen_prefix: {prefix}\noutput_type: multiple_choice\ndoc_to_choice: [red, blue]\ndoc_to_target: "0"\n'
    more += "metric_list: [{metric: acc}]\n"
    task = make(tmp_path, more)
    requests = task.document_requests(0, task.docs[0], PromptOptions())
    assert expected == requests[0].continuation
