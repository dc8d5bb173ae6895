"""The library's benchmarks of videos and speech: prompts, oracles, sums, and the rules of the word error rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fasteval
from fasteval.tasks import TaskManager
from tests.library import Benchmark, Row, check_order, check_prompt, check_score, greedy, library_module
from tests.media_files import sound, tone

if TYPE_CHECKING:
    from pathlib import Path

TASK = (
    "Select the best answer to the following multiple-choice question based on the video and the subtitles. "
    "Respond with only the letter (A, B, C, or D) of the correct option."
)
LETTER = "\nAnswer with the option's letter from the given choices directly."


def asked(kind: str, text: str) -> list[dict[str, Any]]:
    content = [{"type": "media", "index": 0, "kind": kind}, {"type": "text", "text": text}]
    return [{"role": "user", "content": content}]


VIDEOMME = Benchmark(
    task="videomme",
    path="lmms-eval/Video-MME",
    split="test",
    features=dict.fromkeys(
        ("video_id", "duration", "domain", "sub_category", "url", "videoID", "question_id", "task_type", "question"),
        "string",
    )
    | {"options": ["string"], "answer": "string"},
    rows=[
        Row(
            {
                "video_id": f"00{number // 3}",
                "duration": ("short", "medium", "long")[number // 3],
                "domain": "Knowledge",
                "sub_category": "Humanity & History",
                "url": "https://www.youtube.com/watch?v=x",
                "videoID": f"clip{number // 3}",
                "question_id": f"00{number // 3}-{number % 3}",
                "task_type": "Counting Problem",
                "question": f"How many are there in {number}?",
                "options": ["A. One.", "B. Two.", "C. Three.", "D. Four."],
                "answer": "ABCD"[number % 4],
            },
            right=f"{'ABCD'[number % 4]}. It is.",
            wrong="BCDA"[number % 4],
        )
        for number in range(9)
    ],
    prompt=asked("video", f"{TASK}\nHow many are there in 0?\nA. One.\nB. Two.\nC. Three.\nD. Four.\n{LETTER}"),
    kwargs=greedy(max_new_tokens=16, top_p=1.0, num_beams=1),
    best=dict.fromkeys(("videomme_perception_score", "videomme_short", "videomme_medium", "videomme_long"), 100.0),
)


def librispeech(part: str) -> Benchmark:
    """One part; the sounds differ, since the questions do not."""
    spoken = ["MISTER QUILTER IS THE APOSTLE", "NOR IS MISTER QUILTER'S MANNER LESS INTERESTING", "HE HAS TWENTY FIVE"]
    return Benchmark(
        task=f"librispeech_{part}",
        path="lmms-lab-audio/librispeech",
        config=f"librispeech_{part}",
        split=f"librispeech_{part}",
        features={"audio": "audio", **dict.fromkeys(("id", "gt", "source", "task"), "string")},
        rows=[
            Row(
                {
                    "audio": {"bytes": sound(tone(0.1, pitch=200.0 + 50 * number)), "path": None},
                    "id": str(number),
                    "gt": text,
                    "source": f"librispeech_{part}",
                    "task": "asr_en",
                },
                right=text.lower().replace("twenty five", "25").capitalize() + ".",
                # As many words, and none of them right.
                wrong=" ".join(["wrong"] * len(library_module("librispeech.utils").words(text))),
                marker="Please recognize",
            )
            for number, text in enumerate(spoken)
        ],
        prompt=asked("audio", "Please recognize the speech and only output the recognized content:"),
        kwargs=greedy(max_new_tokens=256, top_p=1.0, num_beams=1),
        best={"wer": 0.0},
        worst={"wer": 100.0},
    )


@pytest.fixture(autouse=True)
def _clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "home" / "videomme" / "data"
    folder.mkdir(parents=True)
    for number, ending in enumerate(("mp4", "MP4", "mkv")):
        (folder / f"clip{number}.{ending}").write_bytes(f"video {number}".encode())
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))


def test_the_first_question_about_a_video_and_its_options_are_the_benchmarks(tmp_path: Path) -> None:
    check_prompt(VIDEOMME, VIDEOMME.write(tmp_path))


@pytest.mark.parametrize("is_right", [True, False])
def test_an_oracle_of_videos_scores_the_maximum_and_its_opposite_the_floor(tmp_path: Path, *, is_right: bool) -> None:
    check_score(VIDEOMME, VIDEOMME.write(tmp_path), is_right=is_right)


def test_neither_order_nor_shards_change_the_score_of_videos(tmp_path: Path) -> None:
    check_order(VIDEOMME, VIDEOMME.write(tmp_path))


def test_other_models_are_asked_as_lmms_eval_asks_them(tmp_path: Path) -> None:
    manager = TaskManager(datasets={VIDEOMME.path: str(VIDEOMME.write(tmp_path))}, prompt_profile="qwen3_vl")
    task = manager.load_task_or_group(["videomme"])["videomme"]
    expected = "Question: How many are there in 0?\nOptions:\nA. One.\nB. Two.\nC. Three.\nD. Four.\n"
    assert expected + "Answer with the option letter only." == task.doc_to_text(task.docs[0])


def test_a_video_that_is_not_there_costs_its_questions_and_says_where_it_was_looked_for(tmp_path: Path) -> None:
    folder = VIDEOMME.write(tmp_path)
    (tmp_path / "home" / "videomme" / "data" / "clip2.mkv").unlink()
    engine = VIDEOMME.engine(is_right=True)
    datasets = {VIDEOMME.path: str(folder)}
    run = fasteval.evaluate(engine, "videomme", datasets=datasets, no_cache=True, bootstrap_iters=0)
    task = run.tasks["videomme"]
    assert 3 == task.errors
    assert "videomme/data/clip2.mkv" in str([*task.failures, *(document.error for document in task.documents)])
    assert 100.0 == task.metrics["videomme_perception_score,none"]


@pytest.mark.parametrize("part", ["dev_clean", "dev_other", "test_clean", "test_other"])
def test_each_part_of_librispeech_asks_and_scores_as_the_benchmark_does(tmp_path: Path, part: str) -> None:
    benchmark = librispeech(part)
    folder = benchmark.write(tmp_path)
    check_prompt_of_speech(benchmark, folder)
    for is_right in (True, False):
        run = evaluate_speech(benchmark, folder, is_right=is_right)
        assert {"wer,none": 0.0 if is_right else 100.0} == run.tasks[benchmark.task].metrics
        assert {"wer": False} == run.tasks[benchmark.task].higher_is_better


def evaluate_speech(benchmark: Benchmark, folder: Path, *, is_right: bool, **options: Any) -> Any:
    """A run whose oracle knows a document by its sound: the prompts are all alike."""
    from fasteval.api.request import EngineRequest, Response
    from fasteval.media import LazyAudio, to_media
    from fasteval.models.replay import ReplayEngine

    answers = {
        to_media(LazyAudio(row.fields["audio"]["bytes"])).content_id: row.right if is_right else row.wrong
        for row in benchmark.rows
    }

    def answer(request: EngineRequest) -> Response:
        return Response(texts=(str(answers[request.media[0].content_id]),), finish_reason="stop")

    return benchmark.evaluate(folder, ReplayEngine(answer, **options), **({"window": 2} if options else {}))


def check_prompt_of_speech(benchmark: Benchmark, folder: Path) -> None:
    from fasteval.api.request import Response
    from fasteval.models.replay import ReplayEngine

    engine = ReplayEngine(lambda request: Response(texts=("",), finish_reason="stop"))
    benchmark.evaluate(folder, engine, limit=1)
    (request,) = engine.requests
    assert (benchmark.prompt, benchmark.kwargs) == (request.prompt.messages, request.generation_kwargs)


def test_neither_order_nor_shards_change_a_word_error_rate(tmp_path: Path) -> None:
    benchmark = librispeech("dev_clean")
    folder = benchmark.write(tmp_path)
    shuffled = evaluate_speech(benchmark, folder, is_right=True, newest_first=True)
    assert {"wer,none": 0.0} == shuffled.tasks[benchmark.task].metrics
    values = [
        document.values
        for run in (shuffled, evaluate_speech(benchmark, folder, is_right=True))
        for document in run.tasks[benchmark.task].documents
    ]
    assert values[: len(values) // 2] == values[len(values) // 2 :]


def test_librispeech_is_a_group_of_its_four_parts() -> None:
    parts = TaskManager().load_task_or_group(["librispeech"])
    assert {f"librispeech_{part}" for part in ("dev_clean", "dev_other", "test_clean", "test_other")} == set(parts)


# arXiv:2212.04356, appendix C, by the number of its rules.
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
