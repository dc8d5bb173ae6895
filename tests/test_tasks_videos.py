"""Videos and sounds in tasks: every form in which a document can have them, and what tells them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.parquet
import pytest

import fasteval
from fasteval.api.request import EngineRequest, Response
from fasteval.errors import DocumentError, TaskFileError, UnsupportedError, UsageError
from fasteval.media import FrameChoice, LazyAudio, LazyVideo, to_media
from fasteval.models.engine import Capabilities
from fasteval.models.replay import ReplayEngine
from tests.media_files import sound, tone, video
from tests.task_folders import make, write

if TYPE_CHECKING:
    from pathlib import Path

    from fasteval.tasks import ConfigurableTask

COLUMN = "doc_to_visual: clip\n"
BY_NAME = "doc_to_visual: !function utils.find\n"
# As lmms-eval's folders do it: the document says a name, the function makes a path of it.
FIND = "def find(doc, lmms_eval_specific_kwargs=None):\n    return [f'{doc[\"name\"]}.mp4']\n"
MESSAGES = "doc_to_messages: !function utils.messages\n"


def clip(folder: Path, count: int = 4, name: str = "clip.mp4") -> Path:
    path = folder / name
    path.write_bytes(video(count))
    return path


def key(task: ConfigurableTask, doc: dict[str, Any]) -> bytes:
    return task.media_identity(doc).key


def test_a_path_is_a_video_beside_the_task_and_counts_by_its_content(tmp_path: Path) -> None:
    task = make(tmp_path, COLUMN)
    path = clip(tmp_path)
    [shown] = task.media({"clip": "clip.mp4"})
    assert isinstance(shown, LazyVideo)
    assert str(path) == shown.source
    before = key(task, {"clip": "clip.mp4"})
    assert before == key(task, {"clip": "clip.mp4"})
    clip(tmp_path, 5)
    assert before != key(task, {"clip": "clip.mp4"})
    with pytest.raises(DocumentError, match=r"there is no video file .*missing.mp4"):
        task.media({"clip": "missing.mp4"})


def test_stored_bytes_are_a_video_or_a_sound_by_what_they_begin_with(tmp_path: Path) -> None:
    task = make(tmp_path, COLUMN)
    for stored, expected in ((video(2), LazyVideo), (sound(tone(0.1)), LazyAudio)):
        for value in (stored, {"bytes": stored, "path": None}):
            [shown] = task.media({"clip": value})
            assert expected is type(shown)
            assert stored == shown.source


def test_the_columns_of_a_data_set_come_undecoded(tmp_path: Path) -> None:
    import datasets

    features = datasets.Features(
        {
            "question": datasets.Value("string"),
            "clip": datasets.Video(decode=False),
            "sound": datasets.Audio(decode=False),
        }
    )
    encoded, heard = video(2), sound(tone(0.1))
    row = {"question": "q", "clip": {"bytes": encoded, "path": None}, "sound": {"bytes": heard, "path": None}}
    # Written as it is stored: encoding it would want torchcodec, which reading does not.
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row], features.arrow_schema), tmp_path / "test.parquet")
    more = """
    dataset_path: parquet
    dataset_kwargs: {data_files: {test: test.parquet}}
    custom_dataset:
    doc_to_target: question
    doc_to_visual: [clip, sound]
    """
    task = make(tmp_path, more)
    shown, spoken = task.media(task.docs[0])
    assert (encoded, heard) == (shown.source, spoken.source)
    assert (16000, 1600) == (task.docs[0]["sound"]["sampling_rate"], len(task.docs[0]["sound"]["array"]))


def test_a_file_that_a_function_finds_counts_by_its_content(tmp_path: Path) -> None:
    task = make(tmp_path, BY_NAME, FIND)
    clip(tmp_path)
    before = key(task, {"name": "clip"})
    assert before == key(task, {"name": "clip"})
    assert before != key(task, {"name": "clip", "question": "another"})
    clip(tmp_path, 5)
    assert before != key(task, {"name": "clip"})


def test_a_tasks_own_frames_come_before_the_runs_and_are_part_of_the_key(tmp_path: Path) -> None:
    clip(tmp_path)
    keys = set()
    for options, expected in (
        ({}, None),
        ({"max_num_frames": 8}, FrameChoice(8)),
        ({"fps": 0.5}, FrameChoice(None, 0.5)),
    ):
        more = f"lmms_eval_specific_kwargs: {{default: {options}}}\n" if options else ""
        for field in (COLUMN, BY_NAME):
            task = make(tmp_path, field + more, FIND)
            doc = {"clip": "clip.mp4", "name": "clip"}
            [shown] = task.media(doc)
            assert expected == shown.frames
            keys.add(key(task, doc))
    assert 6 == len(keys)
    run = FrameChoice(32, 2.0)
    assert [(32, 2.0), (8, 2.0), (32, 0.5)] == [
        (choice.max_num_frames, choice.fps)
        for own in (FrameChoice(), FrameChoice(8), FrameChoice(fps=0.5))
        for choice in [to_media(LazyVideo(video(2), own)).with_frames(run).frames]
    ]
    with pytest.raises(UsageError, match="max_num_frames='many' is not a number"):
        make(tmp_path, COLUMN + "lmms_eval_specific_kwargs: {default: {max_num_frames: many}}\n")


def test_messages_name_videos_sounds_and_pictures_in_their_places(tmp_path: Path) -> None:
    clip(tmp_path)
    code = """
    def messages(doc):
        return [{"role": "user", "content": [
            {"type": "video", "url": "clip.mp4", "fps": 2, "start_time": 0.1, "end_time": 0.3},
            {"type": "text", "text": "and"},
            {"type": "audio", "url": {"array": [0.0, 0.5], "sampling_rate": 8000}},
            {"type": "audio", "url": doc["heard"]},
        ]}]
    """
    task = make(tmp_path, MESSAGES, code)
    doc = {"heard": sound(tone(0.1))}
    media = [to_media(visual) for visual in task.media(doc)]
    assert ["video", "audio", "audio"] == [medium.kind for medium in media]
    assert FrameChoice(None, 2, 0.1, 0.3) == media[0].frames


def test_lm_evals_doc_to_audio_is_a_source_of_media(tmp_path: Path) -> None:
    task = make(tmp_path, "doc_to_audio: heard\n")
    [shown] = task.media({"heard": {"array": tone(0.1), "sampling_rate": 16000}})
    assert 16000 == shown["sampling_rate"]
    with pytest.raises(TaskFileError, match="doc_to_audio: beside doc_to_visual or doc_to_image"):
        _ = make(tmp_path, "doc_to_audio: heard\ndoc_to_visual: clip\n").docs


def clips_task(folder: Path) -> Path:
    clip(folder, 4, "one.mp4")
    (folder / "two.mp4").write_bytes(video(4)[:300])
    code = """
    def load():
        names = ("one", "two", "three")
        return {"test": [{"question": f"{name}?", "answer": "yes", "clip": f"{name}.mp4"} for name in names]}
    """
    text = """
    task: clips
    custom_dataset: !function utils.load
    test_split: test
    doc_to_visual: clip
    doc_to_text: question
    doc_to_target: answer
    metric_list: [{metric: exact_match}]
    """
    return write(folder, {"clips.yaml": text, "utils.py": code})


def yes(request: EngineRequest) -> Response:
    return Response(texts=("yes",), finish_reason="stop")


def test_the_samples_of_a_run_say_where_a_video_stands(tmp_path: Path) -> None:
    engine = ReplayEngine(yes)
    run = fasteval.evaluate(engine, "clips", include_path=[str(clips_task(tmp_path))], no_cache=True)
    assert {"video"} == {medium.kind for request in engine.requests for medium in request.media}
    part = {"type": "media", "index": 0, "kind": "video"}
    assert part in engine.requests[0].prompt.messages[0]["content"]  # type: ignore[index]
    # A damaged file shows when it is decoded, which this engine never does; one that is not there before.
    assert 1 == run.tasks["clips"].errors
    assert "there is no video file" in str(run.tasks["clips"].documents[2].error or run.tasks["clips"].failures)


def test_a_model_that_takes_no_videos_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    engine = ReplayEngine(yes, capabilities=Capabilities(media=frozenset({"image"})))
    with pytest.raises(UnsupportedError, match="clips: this model takes no video: it takes image"):
        fasteval.evaluate(engine, "clips", include_path=[str(clips_task(tmp_path))], no_cache=True)
    assert [] == engine.requests
