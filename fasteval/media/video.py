"""Videos: known by their encoded bytes, decoded frame by frame, and only the frames that are shown."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fasteval.errors import RequestError
from fasteval.media.opening import check_size, open_container
from fasteval.media.sources import Encoded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from fasteval.media.frames import FrameChoice

__all__ = ["DecodedVideo", "LazyVideo", "decode_video"]

#: Frames of one video may take so many bytes together.
MAX_FRAME_BYTES = 2 << 30


class LazyVideo(Encoded):
    """A video that nobody has decoded.

    Attributes:
        frames: which frames the task wants to be shown; None leaves it to the run.
    """

    def __init__(self, source: bytes | str | Path, frames: FrameChoice | None = None) -> None:
        """Remembers `source`; reads nothing."""
        super().__init__(source)
        self.frames = frames


@dataclass(frozen=True, slots=True)
class DecodedVideo:
    """The frames of a video that a model is shown.

    Attributes:
        frames: RGB, of shape (frames, height, width, 3), 8 bits a channel.
        indices: their numbers in the video.
        total: how many frames the video has.
        fps: how many of them it shows a second, on average.
        duration: its length in seconds.
    """

    frames: NDArray[np.uint8]
    indices: tuple[int, ...]
    total: int
    fps: float
    duration: float


@dataclass(frozen=True, slots=True)
class _Timeline:
    """What a pass over the packets tells, before anything is decoded.

    Attributes:
        stamps: when each frame is shown, in units of the stream's time base, ascending.
        keys: those of the frames that decoding can begin with, ascending.
        unit: seconds of the time base.
    """

    stamps: list[int]
    keys: list[int]
    unit: float

    @property
    def times(self) -> list[float]:
        return [(stamp - self.stamps[0]) * self.unit for stamp in self.stamps]


def decode_video(source: bytes | str, choice: FrameChoice) -> DecodedVideo:
    """Returns the chosen frames, upright; of the others no more is decoded than these need.

    Args:
        source: encoded bytes, or the path of a file.
        choice: which frames.

    Raises:
        RequestError: the file is not there, no video, damaged, truncated, or its frames are too large; or there is no
            frame where they are wanted.
        UnsupportedError: PyAV is not installed.
    """
    with open_container(source, "video") as container:
        stream = container.streams.video[0]
        size = (stream.codec_context.width, stream.codec_context.height)
        check_size(size)
        timeline = _read_timeline(container, stream)
        times = timeline.times
        indices = choice.indices(times)
        if not indices:
            raise RequestError(f"the video has no frame between its seconds {choice.start_time} and {choice.end_time}")
        if len(indices) * size[0] * size[1] * 3 > MAX_FRAME_BYTES:
            raise RequestError(
                f"{len(indices)} frames of {size[0]} x {size[1]} pixels take more than {MAX_FRAME_BYTES >> 30} GiB: "
                "show fewer with --model_args max_num_frames=…"
            )
        frames = _decode(container, stream, timeline, indices)
        count = len(times)
        step = times[-1] / (count - 1) if count > 1 else 1.0 / float(stream.average_rate or 1)
        return DecodedVideo(frames, tuple(indices), count, 1.0 / step if step > 0 else 1.0, step * count)


def _read_timeline(container: Any, stream: Any) -> _Timeline:
    """Reads all packets; refuses a file whose end is missing.

    Raises:
        RequestError: packets are damaged, or there are fewer than the file's own header says.
    """
    unit = float(stream.time_base)
    stamps, keys, end = [], [], 0.0
    for packet in container.demux():
        if not packet.size:
            continue
        if packet.is_corrupt:
            raise RequestError("unreadable video: the file is truncated")
        if packet.pts is not None:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if packet.stream is stream and packet.pts is not None and not packet.is_discard:
            stamps.append(packet.pts)
            if packet.is_keyframe:
                keys.append(packet.pts)
    if not stamps:
        raise RequestError("unreadable video: there are no frames with times in it")
    # Headers round, and leave tails of silence out of account: a second or a twentieth is no sign of a missing end.
    promised = (container.duration or 0) / 1e6
    if end < promised - max(1.0, promised / 20):
        raise RequestError(f"unreadable video: truncated: {end:.1f} of its {promised:.1f} seconds are there")
    stamps.sort()
    return _Timeline(stamps, sorted(keys) or stamps[:1], unit)


def _decode(container: Any, stream: Any, timeline: _Timeline, indices: list[int]) -> NDArray[np.uint8]:
    """Returns the frames `indices`, decoded from the nearest point before each where decoding can begin."""
    frames: NDArray[np.uint8] | None = None
    decoded, last = _frames_from(container, stream, timeline.keys[0]), timeline.keys[0]
    for place, index in enumerate(indices):
        stamp = timeline.stamps[index]
        key = timeline.keys[max(0, bisect_right(timeline.keys, stamp) - 1)]
        if key > last:
            decoded = _frames_from(container, stream, key)
        frame = next((frame for frame in decoded if frame.pts is not None and frame.pts >= stamp), None)
        if frame is None or frame.is_corrupt:
            raise RequestError(f"unreadable video: frame {index} of {len(timeline.stamps)} is damaged or missing")
        last = frame.pts
        pixels = _upright(frame, None if frames is None else frames.shape[1:3])
        if frames is None:
            frames = np.empty((len(indices), *pixels.shape), np.uint8)
        frames[place] = pixels
    if frames is None:
        raise RequestError("no frame of the video was asked for")
    return frames


def _frames_from(container: Any, stream: Any, stamp: int) -> Iterator[Any]:
    container.seek(stamp, stream=stream, backward=True)
    return iter(container.decode(stream))


def _upright(frame: Any, shape: tuple[int, ...] | None) -> NDArray[np.uint8]:
    """Returns the pixels, turned the way a player shows them; in the size of the first one, should it change."""
    turns = int(frame.rotation) // 90 % 4  # counter-clockwise
    if shape is not None:
        height, width = shape if turns % 2 == 0 else shape[::-1]
        if (frame.width, frame.height) != (width, height):
            check_size((frame.width, frame.height))
            frame = frame.reformat(width=width, height=height)
    pixels: NDArray[np.uint8] = np.rot90(frame.to_ndarray(format="rgb24"), turns)
    return pixels
