"""The library's benchmarks of videos and speech: prompts, oracles, sums, and the rules of the word error rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fasteval
from fasteval.tasks import TaskManager
from tests.library import library_module, vectors
from tests.library_media import VIDEOMME, write_clips

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Video-MME's documents, with the videos where they are looked for."""
    write_clips(tmp_path / "home")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    return VIDEOMME.write(tmp_path)


def test_other_models_are_asked_as_lmms_eval_asks_them(folder: Path) -> None:
    manager = TaskManager(datasets={VIDEOMME.path: str(folder)}, prompt_profile="qwen3_vl")
    task = manager.load_task_or_group(["videomme"])["videomme"]
    expected = "Question: How many are there in 0?\nOptions:\nA. One.\nB. Two.\nC. Three.\nD. Four.\n"
    assert expected + "Answer with the option letter only." == task.doc_to_text(task.docs[0])


def test_a_video_that_is_not_there_costs_its_questions_and_says_where_it_was_looked_for(
    tmp_path: Path, folder: Path
) -> None:
    (tmp_path / "home" / "videomme" / "data" / "clip2.mkv").unlink()
    engine = VIDEOMME.engine(is_right=True)
    datasets = {VIDEOMME.path: str(folder)}
    run = fasteval.evaluate(engine, "videomme", datasets=datasets, no_cache=True, bootstrap_iters=0)
    task = run.tasks["videomme"]
    assert 3 == task.errors
    assert "videomme/data/clip2.mkv" in str([*task.failures, *(document.error for document in task.documents)])
    assert 100.0 == task.metrics["videomme_perception_score,none"]


@vectors("videomme", source="lmms-eval 0.7.3, tasks/_task_utils/mcq_extract.py; lengths: arXiv:2405.21075 §4.1")
@pytest.mark.parametrize(
    ("expected", "answer"),
    [(1.0, "B"), (1.0, "(B)"), (1.0, "The best answer is: B."), (0.0, "C"), (0.0, "Two."), (0.0, "")],
)
def test_videomme_reads_the_surest_letter(expected: float, answer: str) -> None:
    doc = {"duration": "short", "answer": "B"}
    values = library_module("videomme.utils").process_results(doc, [answer])
    assert {"videomme_perception_score": expected, "videomme_short": expected} == values


def test_librispeech_is_a_group_of_its_four_parts() -> None:
    parts = TaskManager().load_task_or_group(["librispeech"])
    assert {f"librispeech_{part}" for part in ("dev_clean", "dev_other", "test_clean", "test_other")} == set(parts)


@vectors("librispeech", source="arXiv:2212.04356, appendix C, by the number of its rules")
@pytest.mark.parametrize(
    ("expected", "transcript"),
    [
        ("he went", "he [noise] went"),  # 1
        ("he went", "he (coughs) went"),  # 2
        ("he went", "hmm he uh went um"),  # 3
        ("it is his", "it 's his"),  # 4
        ("will not can not mister", "won't can't Mr."),  # 5
        ("1000000", "1,000,000"),  # 6
        ("he went 3 5", "He went. 3.5"),  # 7; lmms-eval goes over both texts once more, for marks within numbers
        ("cafe naive", "café naïve"),  # 8
        ("25 and 103rd", "twenty five and hundred and third"),  # 9
        ("color honor", "colour honour"),  # 10
        ("well known", "well-known!"),  # 11
        ("a b", "  a \n b "),  # 12
        ("hello", "<|en|> hello"),  # what speech models write before a transcript
    ],
)
def test_transcripts_are_compared_in_whispers_normal_form(expected: str, transcript: str) -> None:
    assert expected.split() == library_module("librispeech.utils").words(transcript)


@vectors("librispeech", source="word error rate: edits of all transcripts by words of all right ones")
@pytest.mark.parametrize(
    ("edits", "answer"),
    [(0, "The cat sat."), (1, "the cat"), (1, "the black cat sat"), (1, "the dog sat"), (3, ""), (2, "cat the sat")],
)
def test_a_word_more_less_or_other_is_an_edit(edits: int, answer: str) -> None:
    utils = library_module("librispeech.utils")
    item = utils.process_results({"gt": "THE CAT SAT"}, [answer])["wer"]
    assert {"edits": edits, "words": 3} == item
    # Long transcripts count for more: the rate is that of all words together.
    assert pytest.approx(100 * edits / 10) == utils.word_error_rate([item, {"edits": 0, "words": 7}])


@given(st.lists(st.tuples(st.text("ab 1,.'", max_size=12), st.text("ab 1,.'", max_size=12)), min_size=1, max_size=5))
def test_the_rate_is_lmms_evals(pairs: list[tuple[str, str]]) -> None:
    from whisper_normalizer.basic import BasicTextNormalizer
    from whisper_normalizer.english import EnglishTextNormalizer

    from fasteval.compat.speech import compute_wer, remove_sp

    utils = library_module("librispeech.utils")
    pairs = [("a word", "a word"), *pairs]
    items = [utils.process_results({"gt": gt}, [answer])["wer"] for gt, answer in pairs]
    theirs = compute_wer(
        [remove_sp(gt, "en") for gt, _ in pairs],
        [remove_sp(answer, "en") for _, answer in pairs],
        "en",
        english_languages={"en"},
        english_normalizer=EnglishTextNormalizer(),
        basic_normalizer=BasicTextNormalizer(),
    )
    assert pytest.approx(100 * theirs) == utils.word_error_rate(items)
