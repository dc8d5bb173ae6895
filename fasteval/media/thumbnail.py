"""`thumbnail`: a picture, or a video's first frame, small enough to be one of thousands in a page."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

from PIL import Image

from fasteval.media.media import decode_image, eight_bits
from fasteval.media.video import decode_video

if TYPE_CHECKING:
    from fasteval.media.media import Media

__all__ = ["thumbnail"]

# The longest sides that are tried, in pixels, and WebP's quality at each.
_STEPS = ((640, 78), (448, 76), (320, 74), (224, 72), (160, 70), (112, 66), (80, 60))
# What a photo takes at these qualities, in bytes a pixel: where the search begins.
_USUAL_BYTES = 0.12
_TINY = 128


def thumbnail(media: Media, max_bytes: int) -> bytes:
    """Returns a picture, or a video's first frame, as WebP, at most 640 pixels wide and high, and never enlarged.

    The largest of a few sizes that fits into `max_bytes` is aimed at; where none fits, it is the smallest, of one or
    two kilobytes. Pictures of at most 128 pixels keep every pixel if they fit.

    Raises:
        RequestError: the picture cannot be decoded.
    """
    if media.kind == "video":
        first = replace(media.frames, max_num_frames=1, fps=None)
        image = Image.fromarray(decode_video(media.source, first).frames[0])
    else:
        image = eight_bits(decode_image(media, enough=_STEPS[0][0]))
    if image.mode not in ("RGB", "RGBA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if max(image.size) <= _TINY:
        exact = _encode(image, lossless=True)
        if len(exact) <= max_bytes:
            return exact
    # What is sure to be too large is not encoded: each picture takes one or two attempts.
    bytes_a_pixel = _USUAL_BYTES
    encoded = b""
    for side, quality in _STEPS:
        is_last = (side, quality) == _STEPS[-1]
        scale = min(1.0, side / max(image.size))
        if not is_last and image.width * image.height * scale**2 * bytes_a_pixel > max_bytes:
            continue
        image.thumbnail((side, side))
        encoded = _encode(image, quality=quality)
        if len(encoded) <= max_bytes:
            break
        bytes_a_pixel = len(encoded) / (image.width * image.height)
    return encoded


def _encode(image: Image.Image, *, lossless: bool = False, quality: int = 80) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=lossless, quality=quality, method=1)
    return buffer.getvalue()
