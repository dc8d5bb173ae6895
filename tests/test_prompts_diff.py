"""`fasteval prompts diff`: what two runs ask, text by text and token by token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import fasteval
from fasteval.cli import main
from fasteval.comparison.promptdiff import PromptDiff, diff_prompts
from fasteval.results.saved import read_run

DEMO = Path(fasteval.__file__).parent / "demo" / "checkpoint"


def write(path: Path, *lines: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def line(number: int, prompt: Any, **more: Any) -> dict[str, Any]:
    return {"task": "quiz", "doc_id": number, "slot": 0, "prompt": prompt} | more


def dumped(capsys: pytest.CaptureFixture[str], path: Path, *flags: str) -> Path:
    assert 0 == main(["prompts", "dump", "easy_vqa", "easy_vqa_choices", "--limit", "3", *flags])
    path.write_text(capsys.readouterr().out)
    return path


def test_the_same_prompts_differ_nowhere(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    one, other = (dumped(capsys, tmp_path / name) for name in ("a.jsonl", "b.jsonl"))
    assert 0 == main(["prompts", "diff", str(one), str(other)])
    assert "42 requests compared, 0 differ\n" == capsys.readouterr().out


def test_a_different_prompt_is_shown_where_the_texts_part(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    one = write(tmp_path / "a.jsonl", line(0, "what colour?"), line(1, "how many?"))
    other = write(tmp_path / "b.jsonl", line(0, "what shape?"), line(1, "how many?"), line(2, "why?"))
    assert 1 == main(["prompts", "diff", str(one), str(other)])
    assert [
        "quiz, document 0: character 5: 'what colour?' | 'what shape?'",
        "quiz, document 2: not asked | asked",
        "2 requests compared, 2 differ",
    ] == capsys.readouterr().out.splitlines()


def test_differences_are_json_for_programs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    one, other = write(tmp_path / "a.jsonl", line(0, "a")), write(tmp_path / "b.jsonl", line(0, "b"))
    assert 1 == main(["prompts", "diff", str(one), str(other), "--json"])
    expected = {"task": "quiz", "doc_id": 0, "slot": 0, "at": 0, "base": "a", "candidate": "b"}
    assert {"compared": 1, "different": [expected]} == json.loads(capsys.readouterr().out)


def test_lm_evals_and_lmms_evals_samples_are_compared_by_their_texts_without_template(tmp_path: Path) -> None:
    theirs = {"doc_id": 0, "doc": {}, "arguments": {"gen_args_0": {"arg_0": "what?", "arg_1": {}}}, "prompt_hash": "1"}
    ours = {"doc_id": 0, "doc": {}, "input": "what?", "prompt": "<user>what?<assistant>", "output_tokens": 1}
    base = read_run(write(tmp_path / "a_samples_quiz.jsonl", theirs))
    assert (1, []) == diff_prompts(base, read_run(write(tmp_path / "b_samples_quiz.jsonl", ours)))


def test_runs_without_a_common_task_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    one, other = write(tmp_path / "a.jsonl", line(0, "a")), write(tmp_path / "b.jsonl", line(0, "b", task="exam"))
    assert 2 == main(["prompts", "diff", str(one), str(other)])
    assert "fasteval: error: the two have no task in common: quiz and exam\n" == capsys.readouterr().err


@pytest.mark.engine
def test_transformers_renders_what_the_run_has_sent_token_by_token(tmp_path: Path) -> None:
    from fasteval.comparison.promptdiff import Renderer

    renderer = Renderer(DEMO)
    messages = [{"role": "user", "content": [{"type": "media", "index": 0}, {"type": "text", "text": "what shape?"}]}]
    exact = renderer.text(messages)
    assert "what shape?" in exact
    sent = read_run(write(tmp_path / "a.jsonl", line(0, exact), line(1, exact.replace("shape", "color"))))
    asked = read_run(write(tmp_path / "b.jsonl", line(0, messages), line(1, messages)))
    compared, (found,) = diff_prompts(sent, asked, renderer)
    tokens = renderer.tokens(exact)
    at = next(n for n, token in enumerate(tokens) if "shape" in token)
    assert (2, PromptDiff("quiz", 1, 0, at, found.base, found.candidate)) == (compared, found)
    assert "shape" in found.candidate
    assert "shape" not in found.base
