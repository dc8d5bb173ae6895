"""Small videos and sounds for tests, encoded on the spot."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np


def video(
    count: int = 40,
    *,
    form: str = "mp4",
    codec: str = "libx264",
    rate: int = 10,
    size: tuple[int, int] = (64, 48),
    with_sound: bool = False,
    **options: str,
) -> bytes:
    """Returns an encoded video whose frame number n is grey of the shade 6 n, with key frames every 12 frames."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream: Any = container.add_stream(codec, rate=rate, options={"g": "12"} | options)
        stream.width, stream.height = size
        stream.bit_rate = 1_000_000
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        sound: Any = container.add_stream("aac", rate=16000) if with_sound else None
        for number in range(count):
            pixels = np.full((size[1], size[0], 3), number * 6 % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
        if sound is not None:
            frame = av.AudioFrame.from_ndarray(tone(1.0)[None, :], format="fltp", layout="mono")
            frame.sample_rate = 16000
            container.mux(sound.encode(frame))
            container.mux(sound.encode())
    return file.getvalue()


def tone(seconds: float = 0.5, *, rate: int = 16000, pitch: float = 440.0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Returns a sine as float32 samples."""
    times = np.arange(int(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * pitch * times)).astype(np.float32)


def sound(
    samples: np.ndarray[Any, np.dtype[np.float32]], *, rate: int = 16000, form: str = "wav", codec: str = "pcm_s16le"
) -> bytes:
    """Returns an encoded sound; samples of shape (channels, n) become that many channels."""
    file = io.BytesIO()
    channels = np.atleast_2d(samples)
    with av.open(file, "w", format=form) as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stream.layout = layout = "mono" if len(channels) == 1 else "stereo"
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels), format="fltp", layout=layout)
        frame.sample_rate = rate
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode())
    return file.getvalue()
