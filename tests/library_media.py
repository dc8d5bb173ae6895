"""The library's benchmarks of videos and speech."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.library import LETTER, Benchmark, Row, greedy, library_module
from tests.media_files import sound, tone

if TYPE_CHECKING:
    from pathlib import Path

TASK = (
    "Select the best answer to the following multiple-choice question based on the video and the subtitles. "
    "Respond with only the letter (A, B, C, or D) of the correct option."
)


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


def write_clips(home: Path) -> None:
    """Writes the files that stand for Video-MME's videos below what is to be `HF_HOME`."""
    folder = home / "videomme" / "data"
    folder.mkdir(parents=True)
    for number, ending in enumerate(("mp4", "MP4", "mkv")):
        (folder / f"clip{number}.{ending}").write_bytes(f"video {number}".encode())


BENCHMARKS = (VIDEOMME, *map(librispeech, ("dev_clean", "dev_other", "test_clean", "test_other")))
