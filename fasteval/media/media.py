"""`Media`: one image in the form that travels to an engine, with an id that is equal only where the pixels are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xxhash
from PIL import Image, UnidentifiedImageError

from fasteval.errors import RequestError, UnsupportedError
from fasteval.media.lazy import LazyImage
from fasteval.media.opening import check_size, open_image, read_encoded

__all__ = ["Media", "decode_image", "eight_bits", "to_media"]


@dataclass(frozen=True, slots=True)
class Media:
    """One medium of a prompt.

    Attributes:
        kind: "image".
        source: encoded bytes, the path of a file, or raw pixels (see `raw`).
        content_id: 32 hex digits. Engines trust it unseen, so it covers the source bytes and each operation.
        operations: pure operations to apply after decoding, in order: `("convert", "RGB")`.
        raw: `(mode, width, height)` where `source` is raw pixels; None where it is an encoded file.
    """

    kind: str
    source: bytes | str
    content_id: str
    operations: tuple[tuple[str, str], ...] = ()
    raw: tuple[str, int, int] | None = None


def to_media(visual: Any) -> Media:
    """Returns the form in which a document's visual travels.

    A lazy image that nobody touched goes as its encoded source and operations; any other image as its pixels.

    Raises:
        UnsupportedError: the visual is not an image.
        RequestError: it has more pixels than an image may have.
    """
    if isinstance(visual, LazyImage) and not visual.is_loaded:
        return Media("image", visual.source, visual.content_id, visual.operations)
    if isinstance(visual, Image.Image):
        return _from_pixels(visual)
    raise UnsupportedError(f"media of type {type(visual).__name__} are not supported: only images are")


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


def decode_image(media: Media, *, enough: int | None = None) -> Image.Image:
    """Returns the decoded picture.

    Args:
        media: an image.
        enough: how many pixels of width and height are enough, for whoever shrinks it: a JPEG is then decoded at a
            fraction of its size, but not below. None wants all.

    Raises:
        RequestError: the file is not there, not an image, truncated, or so large that it must be an attack.
    """
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
