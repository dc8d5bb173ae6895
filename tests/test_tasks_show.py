"""`fasteval tasks show --tokenizer`: the exact text and tokens of a document's requests, as an engine gets them."""

from __future__ import annotations

import ast
import re
import shutil
from typing import TYPE_CHECKING

import pytest

import fasteval
from fasteval.cli import main
from tests.checkpoints import BOS, DEMO, make_llama
from tests.task_folders import write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine

QUIZ = """\
task: quiz
dataset_path: json
dataset_kwargs: {data_files: {test: docs.json}}
test_split: test
doc_to_target: answer
"""
DOCS = '{"question": "what shape is it?", "answer": 0}\n'
CHOSEN = """\
output_type: multiple_choice
doc_to_choice: [red, blue circle]
"""
WRITTEN = QUIZ + 'doc_to_text: "{{question}}"\ngeneration_kwargs: {max_new_tokens: 2, until: ["\\n"]}\n'
ASK = """\
def ask(doc, lmms_eval_specific_kwargs):
    return doc["question"] + lmms_eval_specific_kwargs["post_prompt"]
"""


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_llama(tmp_path_factory.mktemp("checkpoints") / "llama")


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> list[tuple[str, str]]:
    """Returns the title and the text of each section."""
    assert 0 == main(["tasks", "show", *words])
    return re.findall(r"^\[([a-z0-9 ]+)\]\n(.*?)(?=\n\n\[[a-z0-9 ]+\]\n|\n\Z)", capsys.readouterr().out, re.M | re.S)


def tokens(section: str) -> list[tuple[int, str]]:
    """Returns id and text of the tokens of a section."""
    found = re.findall(r"  (\d+) ('(?:[^'\\]|\\.)*'|\"[^\"]*\")", section)
    return [(int(token), ast.literal_eval(piece)) for token, piece in found]


def quiz(folder: Path, text: str) -> str:
    return str(write(folder, {"quiz.yaml": text, "docs.json": DOCS}))


def test_a_chat_is_shown_as_transformers_renders_and_tokenizes_it(capsys: pytest.CaptureFixture[str]) -> None:
    from transformers import AutoTokenizer

    own = dict(shown(capsys, "easy_vqa", "--doc", "3", "--tokenizer", str(DEMO)))
    tokenizer = AutoTokenizer.from_pretrained(DEMO)
    text = "does the image contain a circle?\nAnswer the question using a single word or phrase."
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]
    expected = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert expected == own["prompt"]
    ids = tokenizer.encode(expected, add_special_tokens=False)
    assert ids == [token for token, _ in tokens(own["tokens"])]
    assert expected == "".join(piece for _, piece in tokens(own["tokens"]))
    assert own["tokens"].startswith(f"{len(ids)} tokens (the model's processor puts more in the place of each medium)")


@pytest.mark.parametrize("begins", ["", "<|endoftext|>"])
def test_plain_text_has_one_bos_whether_or_not_it_brings_its_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, llama: Path, begins: str
) -> None:
    folder = quiz(tmp_path, QUIZ + f'doc_to_text: "{begins}{{{{question}}}}"\n')
    own = dict(shown(capsys, "quiz", "--include_path", folder, "--tokenizer", str(llama)))
    assert f"{begins}what shape is it?" == own["prompt"]
    assert (BOS, 1) == (tokens(own["tokens"])[0][0], [token for token, _ in tokens(own["tokens"])].count(BOS))


def test_a_choice_begins_where_its_own_tokens_do(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, llama: Path
) -> None:
    folder = quiz(tmp_path, QUIZ + 'doc_to_text: "{{question}} "\ntarget_delimiter: ""\n' + CHOSEN)
    own = shown(capsys, "quiz", "--include_path", folder, "--tokenizer", str(llama))
    assert ["prompt", "tokens before what is scored", "choice 0", "choice 1"] == [title for title, _ in own[1:5]]
    context, *choices = ("".join(piece for _, piece in tokens(text)) for _, text in own[2:5])
    # White space at the end of the prompt is scored with the choice.
    assert ("<|endoftext|>what shape is it?", [" red", " blue circle"]) == (context, choices)
    first_place = int(own[4][1].splitlines()[2].split()[0])
    assert len(tokens(own[2][1])) == first_place


@pytest.mark.parametrize("text", [WRITTEN, QUIZ + 'doc_to_text: "{{question}}"\n' + CHOSEN], ids=["text", "choices"])
def test_an_engine_counts_the_tokens_that_are_shown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, llama: Path, text: str
) -> None:
    folder = quiz(tmp_path, text)
    own = shown(capsys, "quiz", "--include_path", folder, "--tokenizer", str(llama))
    run = fasteval.evaluate(
        "hf", ["quiz"], model_args={"pretrained": str(llama)}, include_path=[folder], no_cache=True, bootstrap_iters=0
    )
    [sample] = run.tasks["quiz"].samples
    lists = [tokens(section) for title, section in own if title.startswith(("tokens", "choice"))]
    scored = sample.scored_tokens or []
    assert [len(listed) for listed in lists[1:]] == list(scored)
    assert sample.prompt_tokens == len(lists[0]) * max(1, len(scored))


def test_a_models_name_brings_its_prompts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    own = "lmms_eval_specific_kwargs: {default: {post_prompt: ' Be brief.'}, qwen2_vl: {post_prompt: ' One word.'}}\n"
    text = QUIZ + "doc_to_text: !function utils.ask\n" + own
    folder = str(write(tmp_path, {"quiz.yaml": text, "docs.json": DOCS, "utils.py": ASK}))
    for name, profile, expected in (
        ("demo", (), "One word."),
        (str(DEMO), (), "Be brief."),
        ("demo", ("--prompt_profile", "default"), "Be brief."),
    ):
        sections = dict(shown(capsys, "quiz", "--include_path", folder, "--tokenizer", name, *profile))
        assert f"what shape is it? {expected}" == sections["prompt"]


def test_a_tokenizer_needs_no_weights(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(DEMO / name, tmp_path / name)
    expected = shown(capsys, "easy_vqa", "--tokenizer", str(DEMO))
    assert expected == shown(capsys, "easy_vqa", "--tokenizer", str(tmp_path))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("vllm", "'vllm' stands for no checkpoint of its own"),
        ("./empty", "is no complete checkpoint: it has no tokenizer"),
    ],
)
def test_a_tokenizer_that_is_not_there_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert 0 != main(["tasks", "show", "easy_vqa", "--tokenizer", name])
    [line] = capsys.readouterr().err.splitlines()
    assert reason in line
