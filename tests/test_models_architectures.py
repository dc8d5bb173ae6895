"""Few-shot prompts with pictures, dialogs, clips and sounds on real vLLM, on checkpoints of seven architectures."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.architectures import OF_PICTURES

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine

#: What each architecture is shown for a medium.
PLACES = {
    "Qwen2VLForConditionalGeneration": {"image": "<|image_pad|>", "video": "<|video_pad|>"},
    "Qwen2_5_VLForConditionalGeneration": {"image": "<|image_pad|>", "video": "<|video_pad|>"},
    "LlavaOnevisionForConditionalGeneration": {"image": "<image>", "video": "<video>"},
    "SmolVLMForConditionalGeneration": {"image": "<image>"},
    "Gemma3ForConditionalGeneration": {"image": "<start_of_image>"},
    "InternVLForConditionalGeneration": {"image": "<IMG_CONTEXT>", "video": "<video>"},
    "Qwen2AudioForConditionalGeneration": {"audio": "<|AUDIO|>"},
}
OF_KIND = {kind: [name for name, places in PLACES.items() if kind in places] for kind in ("image", "video", "audio")}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("checkpoints")
    output: Path = folder / "found.json"
    command = [sys.executable, "-m", "tests.architectures", str(folder), str(output)]
    program = subprocess.run(command, capture_output=True, text=True, timeout=480, check=False)
    assert 0 == program.returncode, program.stderr[-3000:]
    results: dict[str, Any] = json.loads(output.read_text())
    return results


def test_every_architecture_takes_the_media_that_were_known_before_it_was_loaded(found: dict[str, Any]) -> None:
    assert {name: sorted(places) for name, places in PLACES.items()} == {
        name: result["loaded_kinds"] for name, result in found.items()
    }
    assert all(result["loaded_kinds"] == result["known_kinds"] for result in found.values())


@pytest.mark.parametrize("name", OF_KIND["image"])
@pytest.mark.parametrize("task", OF_PICTURES)
def test_every_document_has_an_answer(found: dict[str, Any], name: str, task: str) -> None:
    assert [None] * 4 == found[name][task]["errors"]


@pytest.mark.parametrize("name", OF_KIND["image"])
def test_the_examples_pictures_stand_before_the_questions(found: dict[str, Any], name: str) -> None:
    place = PLACES[name]["image"]
    for task, expected in (("media_shots", 3), ("media_choices", 2), ("media_messages", 4)):
        for text in found[name][task]["texts"]:
            assert expected == text.count(place)
            assert text.index(place) < text.index("what is 0? yes") < text.rindex(place) < text.rindex("what is")
    # Six pictures in four prompts of three: the examples' are decoded and processed once.
    counted = found[name]["media_shots"]["counters"]
    assert (6, 6) == (counted["images_decoded"], counted["images_processed"])


@pytest.mark.parametrize("name", OF_KIND["image"])
def test_all_dialogs_of_three_rounds_are_in_flight_at_once_and_each_round_has_its_picture(
    found: dict[str, Any], name: str
) -> None:
    result = found[name]["media_rounds"]
    dialogs = [dialog for (dialog,) in result["answers"]]
    assert [3] * 4 == [len(dialog) for dialog in dialogs]
    assert (4, 12) == (result["most"], len(result["texts"]))
    assert [1] * 12 == [text.count(PLACES[name]["image"]) for text in result["texts"]]
    answers = {answer for dialog in dialogs for answer in dialog}
    later = [text for text in result["texts"] if "and round" in text]
    assert 8 == len(later)
    assert all(any(f"{answer} and round" in text for answer in answers) for text in later)


@pytest.mark.parametrize("name", OF_KIND["video"])
def test_a_clip_is_the_models_own_video_decoded_once_for_all_questions(found: dict[str, Any], name: str) -> None:
    result = found[name]["media_clips"]
    assert [None] * 3 == result["errors"]
    assert [1] * 3 == [text.count(PLACES[name]["video"]) for text in result["texts"]]
    counted = result["counters"]
    assert (2, 0, 2) == (counted["videos_decoded"], counted["images_decoded"], counted["images_processed"])


@pytest.mark.parametrize("name", OF_KIND["audio"])
def test_a_sound_is_heard_at_the_models_rate(found: dict[str, Any], name: str) -> None:
    result = found[name]["media_sounds"]
    assert [None] * 3 == result["errors"]
    assert [1] * 3 == [text.count(PLACES[name]["audio"]) for text in result["texts"]]
    assert 3 == result["counters"]["audios_decoded"]
    # One second: a hundred frames of the spectrogram, of which the encoder makes 25 positions.
    assert 3 * 25 < result["counters"]["prompt_tokens"]
