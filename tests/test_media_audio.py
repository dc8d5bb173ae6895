"""Sounds: one channel of float32, whatever they come as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from fasteval.errors import RequestError
from fasteval.media import DecodedAudio, LazyAudio, decode_sound, kind_of_bytes, to_media
from fasteval.media import audio as audio_module
from tests.media_files import sound, tone, video

if TYPE_CHECKING:
    from pathlib import Path


def close(one: Any, other: Any) -> bool:
    return bool(np.abs(np.asarray(one) - np.asarray(other)).max() < 1e-3)


@pytest.mark.parametrize(("form", "codec"), [("wav", "pcm_s16le"), ("flac", "flac")])
def test_an_encoded_sound_has_its_samples_at_its_own_rate(form: str, codec: str) -> None:
    samples = tone(0.5, rate=8000)
    decoded = decode_sound(to_media(LazyAudio(sound(samples, rate=8000, form=form, codec=codec))))
    assert 8000 == decoded.rate
    assert samples.shape == decoded.samples.shape
    assert np.float32 == decoded.samples.dtype
    assert close(samples, decoded.samples)


def test_an_array_goes_as_it_is() -> None:
    samples = tone(0.1)
    media = to_media({"array": samples, "sampling_rate": 16000, "path": None})
    decoded = decode_sound(media)
    assert ("audio", 16000) == (media.kind, decoded.rate)
    assert samples.tobytes() == decoded.samples.tobytes()
    assert media == to_media({"array": samples.tolist(), "sampling_rate": 16000})


@pytest.mark.parametrize("axis", [0, 1])
def test_channels_become_their_mean(axis: int) -> None:
    both = np.stack([tone(0.1), np.zeros(1600, np.float32)], axis=axis)
    assert close(tone(0.1) / 2, decode_sound(to_media({"array": both, "sampling_rate": 16000})).samples)


def test_an_encoded_sound_of_two_channels_is_one() -> None:
    both = np.stack([tone(0.1), tone(0.1)])
    assert 1 == decode_sound(to_media(LazyAudio(sound(both)))).samples.ndim


def test_content_ids_tell_samples_and_rates_apart() -> None:
    ids = {
        to_media(value).content_id
        for value in (
            {"array": tone(0.1), "sampling_rate": 16000},
            {"array": tone(0.1), "sampling_rate": 8000},
            {"array": tone(0.2), "sampling_rate": 16000},
            LazyAudio(sound(tone(0.1))),
        )
    }
    assert 4 == len(ids)


def test_another_rate_keeps_the_pitch() -> None:
    halved = DecodedAudio(tone(1.0, rate=16000), 16000).at_rate(8000)
    assert 8000 == halved.rate
    assert abs(len(halved.samples) - 8000) < 40
    # The edges ring.
    assert np.abs(halved.samples[200:7000] - tone(1.0, rate=8000)[200:7000]).max() < 0.02


def test_a_column_reads_as_datasets_gives_it_and_decodes_when_it_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(sound(tone(0.1)))
    lazy = LazyAudio(path)
    assert (str(path), None) == (lazy["path"], lazy._decoded)
    assert (16000, 1600) == (lazy["sampling_rate"], len(lazy["array"]))
    assert {"path", "array", "sampling_rate"} == set(dict(lazy))


@pytest.mark.parametrize(
    ("message", "value"),
    [
        ("is an array of samples", {"array": [], "sampling_rate": 16000}),
        ("is an array of samples", {"array": np.zeros((2, 2, 2)), "sampling_rate": 16000}),
        ("are no numbers", {"array": ["loud"], "sampling_rate": 16000}),
        ("no number of samples a second", {"array": [0.0], "sampling_rate": 0}),
    ],
)
def test_what_is_no_sound_is_an_error(message: str, value: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match=message):
        to_media(value)


def test_damaged_files_are_errors() -> None:
    flac = sound(tone(1.0), form="flac", codec="flac")
    for source in (b"", b"RIFF", flac[:50], video(4)):
        with pytest.raises(RequestError, match="unreadable audio"):
            decode_sound(to_media(LazyAudio(source)))


def test_a_sound_that_would_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_module, "MAX_SAMPLES", 1000)
    with pytest.raises(RequestError, match="more than 1,000 samples"):
        decode_sound(to_media(LazyAudio(sound(tone(1.0)))))
    with pytest.raises(RequestError, match="1,000 are the limit"):
        to_media({"array": tone(1.0), "sampling_rate": 16000})


def test_bytes_tell_what_they_are() -> None:
    kinds = {
        "video": [video(2), video(2, form="webm", codec="libvpx-vp9"), video(2, form="avi", codec="mjpeg")],
        "audio": [sound(tone(0.1)), sound(tone(0.1), form="flac", codec="flac")],
        "image": [b"\x89PNG\r\n", b""],
    }
    assert {kind: [kind] * len(files) for kind, files in kinds.items()} == {
        kind: [kind_of_bytes(file) for file in files] for kind, files in kinds.items()
    }
