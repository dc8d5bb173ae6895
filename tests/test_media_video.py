"""Videos: which frames are shown, that they are the right ones, and what damaged files cost."""

from __future__ import annotations

import builtins
import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval.errors import RequestError, UnsupportedError, UsageError
from fasteval.media import DEFAULT_FRAMES, FrameChoice, LazyVideo, decode_frames, thumbnail, to_media
from fasteval.media import video as video_module
from fasteval.media.video import decode_video
from tests.media_files import sound, tone, video

if TYPE_CHECKING:
    from pathlib import Path

FORMS = [("mp4", "libx264"), ("mov", "mpeg4"), ("webm", "libvpx-vp9"), ("matroska", "libx264"), ("avi", "mjpeg")]


def shades(source: bytes | str, choice: FrameChoice) -> list[int]:
    """The number of each shown frame, read from its shade."""
    return [round(float(frame.mean()) / 6) for frame in decode_video(source, choice).frames]


@pytest.mark.parametrize(("form", "codec"), FORMS)
def test_frames_are_those_that_were_chosen_whatever_the_format(form: str, codec: str) -> None:
    source = video(40, form=form, codec=codec)
    assert [0, 13, 26, 39] == shades(source, FrameChoice(4))
    assert list(range(40)) == shades(source, FrameChoice(100))
    decoded = decode_video(source, FrameChoice(4))
    assert (4, 48, 64, 3) == decoded.frames.shape
    assert np.uint8 == decoded.frames.dtype
    assert (40, (0, 13, 26, 39)) == (decoded.total, decoded.indices)
    assert [10, 4] == pytest.approx([decoded.fps, decoded.duration])


def test_a_rate_takes_so_many_frames_a_second_up_to_the_limit() -> None:
    source = video(40, rate=10)
    assert [0, 13, 26, 39] == shades(source, FrameChoice(32, fps=1))
    assert [0, 39] == shades(source, FrameChoice(2, fps=1))
    assert [0] == shades(source, FrameChoice(32, fps=0.01))


def test_only_frames_between_start_and_end_are_shown() -> None:
    source = video(40, rate=10)
    assert [10, 15, 20] == shades(source, FrameChoice(3, start_time=1.0, end_time=2.0))
    with pytest.raises(RequestError, match="no frame between its seconds"):
        decode_video(source, FrameChoice(3, start_time=5.0, end_time=6.0))


def test_a_path_and_a_video_with_sound_work_alike(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(video(20, with_sound=True))
    assert [0, 19] == shades(str(path), FrameChoice(2))


def test_frames_far_apart_are_reached_without_decoding_what_lies_between(monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[int] = []
    real = video_module._frames_from

    def counted(container: Any, stream: Any, stamp: int) -> Any:
        starts.append(stamp)
        return real(container, stream, stamp)

    monkeypatch.setattr(video_module, "_frames_from", counted)
    assert [0, 39] == shades(video(40), FrameChoice(2))
    assert 2 == len(starts)
    assert [0, 13, 26, 39] == shades(video(40), FrameChoice(4))
    assert 2 + 4 == len(starts)
    shades(video(40), FrameChoice(40))
    assert 2 + 4 + 4 >= len(starts)


@given(st.integers(1, 60), st.integers(1, 60), st.none() | st.floats(0.05, 30))
def test_chosen_frames_ascend_and_are_never_too_many(count: int, most: int, fps: float | None) -> None:
    indices = FrameChoice(most, fps).indices([number / 7 for number in range(count)])
    assert 1 <= len(indices) <= min(count, most)
    assert sorted(set(indices)) == indices
    assert 0 == indices[0]
    assert len(indices) == 1 or count - 1 == indices[-1]
    if fps is None:
        steps = np.linspace(0, count - 1, len(indices)).round().astype(int).tolist()
        assert steps == indices or len(indices) == 1


@given(
    st.builds(
        FrameChoice,
        st.none() | st.integers(1, 999),
        st.none() | st.floats(0.1, 60),
        st.none() | st.floats(0, 10),
        st.none() | st.floats(11, 20),
    )
)
def test_a_choice_survives_its_text(choice: FrameChoice) -> None:
    assert choice == FrameChoice.from_text(choice.to_text())


@pytest.mark.parametrize(
    ("message", "options"),
    [
        ("max_num_frames=0 is not a whole number of at least 1", {"max_num_frames": 0}),
        ("max_num_frames=1.5 is not a whole number", {"max_num_frames": 1.5}),
        ("fps='fast' is not a number", {"fps": "fast"}),
        ("fps=0 is not above 0", {"fps": 0}),
        ("start_time=2 is not before end_time=1", {"start_time": 2, "end_time": 1}),
    ],
)
def test_a_choice_that_chooses_nothing_is_refused(message: str, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=message):
        FrameChoice(**options)


def test_another_choice_of_frames_is_another_content() -> None:
    source = video(4)
    media = [
        to_media(LazyVideo(source)).with_frames(DEFAULT_FRAMES),
        to_media(LazyVideo(source)).with_frames(FrameChoice(8)),
        to_media(LazyVideo(source, FrameChoice(8))).with_frames(DEFAULT_FRAMES),
        to_media(LazyVideo(source + b" ")).with_frames(DEFAULT_FRAMES),
    ]
    assert 4 == len({medium.content_id for medium in media[:2] + media[3:]} | {"other"})
    assert FrameChoice(8) == media[1].frames == media[2].frames
    assert media[0] == to_media(LazyVideo(source)).with_frames(DEFAULT_FRAMES)
    assert 4 == len(decode_frames(media[1]).frames)


@pytest.mark.parametrize(("form", "codec"), FORMS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
def test_a_truncated_file_is_an_error_never_half_a_video(form: str, codec: str, share: float) -> None:
    source = video(80, form=form, codec=codec)
    with pytest.raises(RequestError, match="unreadable video"):
        decode_video(source[: int(len(source) * share)], FrameChoice(4))


@given(st.binary(max_size=200), st.integers(0, 2000))
def test_damage_is_an_error_or_a_video_and_nothing_else(noise: bytes, place: int) -> None:
    source = SAMPLE[:place] + noise + SAMPLE[place + len(noise) :]
    with contextlib.suppress(RequestError):
        assert decode_video(source, FrameChoice(2)).frames.shape[1:] == (48, 64, 3)


SAMPLE = video(12)


@pytest.mark.parametrize(
    "text", ["#EXTM3U\n#EXTINF:10,\n{path}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile '{path}'\n"]
)
def test_a_play_list_cannot_name_files_of_this_machine(tmp_path: Path, text: str) -> None:
    path = tmp_path / "private.mp4"
    path.write_bytes(SAMPLE)
    with pytest.raises(RequestError, match="unreadable video"):
        decode_video(text.format(path=path).encode(), FrameChoice(2))


def test_what_is_no_video_says_so(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="the file has no video in it"):
        decode_video(sound(tone()), FrameChoice(2))
    with pytest.raises(RequestError, match="FileNotFoundError"):
        decode_video(str(tmp_path / "nothing.mp4"), FrameChoice(2))


def test_frames_that_would_fill_the_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_module, "MAX_FRAME_BYTES", 64 * 48 * 3 * 4)
    assert 4 == len(decode_video(SAMPLE, FrameChoice(4)).frames)
    with pytest.raises(RequestError, match=r"5 frames of 64 x 48 pixels take more than .* max_num_frames"):
        decode_video(SAMPLE, FrameChoice(5))


def test_a_frame_of_more_pixels_than_an_image_may_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fasteval.media.opening.max_pixels", lambda: 64 * 47)
    with pytest.raises(RequestError, match="more than the 3,008 that an image may have"):
        decode_video(SAMPLE, FrameChoice(1))


def test_without_pyav_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "av":
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UnsupportedError, match=r"pip install 'fasteval\[video\]'"):
        decode_video(SAMPLE, FrameChoice(1))


def test_a_report_shows_a_videos_first_frame() -> None:
    assert b"WEBP" == thumbnail(to_media(LazyVideo(SAMPLE)), 40_000)[8:12]
