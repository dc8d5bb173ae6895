"""`Media`: one medium in the form that travels to an engine, with an id that is equal only where its content is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash
from PIL import Image, UnidentifiedImageError

from fasteval.errors import RequestError, UnsupportedError
from fasteval.media.audio import DecodedAudio, LazyAudio, decode_audio, mono
from fasteval.media.frames import DEFAULT_FRAMES, FrameChoice
from fasteval.media.lazy import LazyImage
from fasteval.media.opening import check_size, open_image, read_encoded
from fasteval.media.video import LazyVideo, decode_video

if TYPE_CHECKING:
    from fasteval.media.video import DecodedVideo

__all__ = ["Media", "decode_image", "decode_sound", "decode_frames", "eight_bits", "is_sound", "to_media"]

_FRAMES = "frames"


@dataclass(frozen=True, slots=True)
class Media:
    """One medium of a prompt.

    Attributes:
        kind: "image", "video" or "audio".
        source: encoded bytes, the path of a file, or raw pixels or samples (see `raw`).
        content_id: 32 hex digits. Engines trust it unseen, so it covers the source bytes and each operation.
        operations: pure operations to apply after decoding, in order: `("convert", "RGB")`; of a video which frames are
            taken, `("frames", FrameChoice.to_text())`.
        raw: what `source` is where it is no encoded file: `(mode, width, height)` of pixels, `("float32", samples,
            rate)` of a sound.
    """

    kind: str
    source: bytes | str
    content_id: str
    operations: tuple[tuple[str, str], ...] = ()
    raw: tuple[str, int, int] | None = None

    @property
    def frames(self) -> FrameChoice:
        """Which frames of a video are taken."""
        return FrameChoice.from_text(dict(self.operations)[_FRAMES])

    def with_frames(self, default: FrameChoice) -> Media:
        """Returns the medium with what the task leaves open about a video's frames settled; others as they are."""
        if self.kind != "video":
            return self
        operations = ((_FRAMES, self.frames.completed(default).to_text()),)
        # The digest of the source stands before the choice; only the latter is another one now.
        content_id = xxhash.xxh3_128_hexdigest(self.content_id + repr(operations))
        return replace(self, operations=operations, content_id=content_id)


def to_media(visual: Any) -> Media:
    """Returns the form in which a document's visual travels.

    A lazy image that nobody touched goes as its encoded source and operations; any other image as its pixels. Videos
    and sounds go as their encoded source, arrays of samples (`{"array": …, "sampling_rate": …}`) as one channel.

    Raises:
        UnsupportedError: the visual is none of these.
        RequestError: it has more pixels or samples than it may have.
        OSError: its file cannot be read.
    """
    if isinstance(visual, LazyVideo):
        operations = ((_FRAMES, (visual.frames or FrameChoice()).to_text()),)
        content_id = xxhash.xxh3_128_hexdigest(b"video:" + visual.digest + repr(operations).encode())
        return Media("video", visual.source, content_id, operations)
    if isinstance(visual, LazyAudio):
        return Media("audio", visual.source, xxhash.xxh3_128_hexdigest(b"audio:" + visual.digest))
    if is_sound(visual):
        return _from_samples(visual["array"], visual["sampling_rate"])
    if isinstance(visual, LazyImage) and not visual.is_loaded:
        return Media("image", visual.source, visual.content_id, visual.operations)
    if isinstance(visual, Image.Image):
        return _from_pixels(visual)
    raise UnsupportedError(f"media of type {type(visual).__name__} are not supported: images, videos and sounds are")


def is_sound(value: Any) -> bool:
    """Whether a value is an array of samples with its rate, as `datasets` and lmms-eval write sounds."""
    return isinstance(value, dict) and value.get("array") is not None and "sampling_rate" in value


def _from_samples(array: Any, rate: Any) -> Media:
    samples = mono(array)
    if not isinstance(rate, int | float | np.integer) or rate < 1:
        raise RequestError(f"a sampling_rate of {rate!r} is no number of samples a second")
    raw = ("float32", samples.size, int(rate))
    data = samples.tobytes()
    return Media("audio", data, xxhash.xxh3_128_hexdigest(f"samples:{raw}:".encode() + data), raw=raw)


def _from_pixels(image: Image.Image) -> Media:
    try:
        check_size(image.size)
    except Image.DecompressionBombError as error:
        raise RequestError(f"the image is refused: {error}") from error
    image = eight_bits(image)
    # Palettes and transparency live beside the pixels: make them part of the pixels before hashing.
    if image.mode not in ("RGB", "RGBA", "L"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    raw = (image.mode, image.width, image.height)
    pixels = image.tobytes()
    content_id = xxhash.xxh3_128_hexdigest(f"pixels:{raw}:".encode() + pixels)
    return Media("image", pixels, content_id, raw=raw)


def decode_frames(media: Media) -> DecodedVideo:
    """Returns a video's chosen frames; see `decode_video` for what it raises."""
    return decode_video(media.source, media.frames.completed(DEFAULT_FRAMES))


def decode_sound(media: Media) -> DecodedAudio:
    """Returns a sound's samples; see `decode_audio` for what it raises."""
    if media.raw is None:
        return decode_audio(media.source)
    return DecodedAudio(np.frombuffer(read_encoded(media.source), np.float32), media.raw[2])


def decode_image(media: Media, *, enough: int | None = None) -> Image.Image:
    """Returns the decoded picture.

    Args:
        media: an image.
        enough: how many pixels of width and height are enough, for whoever shrinks it: a JPEG is then decoded at a
            fraction of its size, but not below. None wants all.

    Raises:
        RequestError: the file is not there, not an image, truncated, or so large that it must be an attack.
    """
    if media.kind != "image":
        raise RequestError(f"an image is wanted here, not {media.kind}")
    if media.raw is not None:
        mode, width, height = media.raw
        return Image.frombytes(mode, (width, height), read_encoded(media.source))
    image: Image.Image
    try:
        image = open_image(media.source)
        if enough is not None:
            image.draft(image.mode, (enough, enough))
        image.load()
        for operation, argument in media.operations:
            image = getattr(image, operation)(argument)
    except UnidentifiedImageError as error:
        place = media.source if isinstance(media.source, str) else f"{len(media.source)} bytes"
        raise RequestError(f"unreadable image: {place}: no known image format") from error
    except Image.DecompressionBombError as error:
        raise RequestError(f"the image is refused: {error}") from error
    except Exception as error:  # PIL's decoders raise nearly anything on damaged files
        raise RequestError(f"unreadable image: {type(error).__name__}: {error}") from error
    return image


def eight_bits(image: Image.Image) -> Image.Image:
    """Returns a picture of 16-bit greys with the upper 8 bits of each; any other as it is.

    Pillow's own conversion cuts at 255 instead, which makes nearly all of such a picture white.
    """
    if not image.mode.startswith("I;16"):
        return image
    grey = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
    eight = Image.fromarray(grey)
    eight.info = {name: value for name, value in image.info.items() if name != "transparency"}
    return eight
