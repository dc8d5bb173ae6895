"""Sounds: known by their encoded bytes or their samples, decoded to one channel of float32."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fasteval.errors import RequestError, UnsupportedError
from fasteval.media.opening import open_container
from fasteval.media.sources import Encoded

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["DecodedAudio", "LazyAudio", "decode_audio", "mono"]

#: A sound may have so many samples: two hours and twenty minutes at 16 kHz.
MAX_SAMPLES = 1 << 27


class LazyAudio(Encoded, Mapping[str, Any]):
    """A sound that is decoded when somebody asks for its samples: a mapping, as `datasets` gives sounds.

    Its keys are `path`, `array` (float32, one channel) and `sampling_rate` (in Hz).
    """

    def __init__(self, source: bytes | str | Path) -> None:
        """Remembers `source`; reads nothing."""
        super().__init__(source)
        self._decoded: DecodedAudio | None = None

    def __getitem__(self, key: str) -> Any:
        """Returns one entry; the first of `array` and `sampling_rate` decodes."""
        if key == "path":
            return self.source if isinstance(self.source, str) else None
        if key not in ("array", "sampling_rate"):
            raise KeyError(key)
        if self._decoded is None:
            self._decoded = decode_audio(self.source)
        return self._decoded.samples if key == "array" else self._decoded.rate

    def __iter__(self) -> Iterator[str]:
        """Yields the keys."""
        return iter(("path", "array", "sampling_rate"))

    def __len__(self) -> int:
        """The number of keys."""
        return 3


@dataclass(frozen=True, slots=True)
class DecodedAudio:
    """A sound.

    Attributes:
        samples: one channel, float32, between -1 and 1.
        rate: how many a second.
    """

    samples: NDArray[np.float32]
    rate: int

    def at_rate(self, rate: int) -> DecodedAudio:
        """Returns the sound at another rate.

        Raises:
            UnsupportedError: PyAV is not installed.
            RequestError: the samples cannot be converted.
        """
        if rate == self.rate:
            return self
        try:
            import av
        except ImportError as error:
            raise UnsupportedError("to change a sound's rate install PyAV: pip install 'fasteval[video]'") from error
        try:
            frame = av.AudioFrame.from_ndarray(self.samples[None, :], format="fltp", layout="mono")
            frame.sample_rate = self.rate
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
            parts = [part.to_ndarray()[0] for part in (*resampler.resample(frame), *resampler.resample(None))]
        except Exception as error:  # FFmpeg's errors on odd rates are of many types
            reason = f"{type(error).__name__}: {error}"
            raise RequestError(f"the sound's rate of {self.rate} cannot be made {rate}: {reason}") from error
        return DecodedAudio(np.concatenate(parts).astype(np.float32, copy=False), rate)


def mono(samples: Any) -> NDArray[np.float32]:
    """Returns samples as one channel of float32: the mean of the channels, whichever axis they are.

    Raises:
        RequestError: there are none, too many, or they are no numbers.
    """
    try:
        array = np.asarray(samples, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise RequestError(f"the sound's samples are no numbers: {error}") from error
    if array.ndim == 2:
        array = array.mean(axis=int(np.argmin(array.shape)), dtype=np.float32)
    if array.ndim != 1 or not array.size:
        raise RequestError(f"a sound is an array of samples, or of channels of them, not one of shape {array.shape}")
    if array.size > MAX_SAMPLES:
        raise RequestError(f"the sound has {array.size:,} samples; {MAX_SAMPLES:,} are the limit")
    return np.ascontiguousarray(array)


def decode_audio(source: bytes | str) -> DecodedAudio:
    """Returns the first sound of a file, at its own rate.

    Raises:
        RequestError: the file is not there, has no sound, is damaged or too long.
        UnsupportedError: PyAV is not installed.
    """
    with open_container(source, "audio") as container:
        import av

        stream = container.streams.audio[0]
        rate = int(stream.codec_context.sample_rate)
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
        parts: list[NDArray[np.float32]] = []
        count = 0
        for packet in container.demux(stream):
            if packet.is_corrupt:
                raise RequestError("unreadable audio: the file is truncated")
            for frame in packet.decode():
                parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
                count += frame.samples
            if count > MAX_SAMPLES:
                raise RequestError(f"the sound has more than {MAX_SAMPLES:,} samples")
        parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
        if not parts:
            raise RequestError("unreadable audio: there are no samples in it")
        return DecodedAudio(np.concatenate(parts), rate)
