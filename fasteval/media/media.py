"""`Media`: one image in the form that travels to an engine, with an id that is equal only where the pixels are."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash
from PIL import Image, ImageFile, UnidentifiedImageError

from fasteval.errors import RequestError, UnsupportedError
from fasteval.media.lazy import LazyImage

__all__ = ["Media", "decode_image", "to_media"]


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
    """
    if isinstance(visual, LazyImage) and not visual.is_loaded:
        return Media("image", visual.source, visual.content_id, visual.operations)
    if isinstance(visual, Image.Image):
        return _from_pixels(visual)
    raise UnsupportedError(f"media of type {type(visual).__name__} are not supported: only images are")


def _from_pixels(image: Image.Image) -> Media:
    # Palettes and transparency live beside the pixels: make them part of the pixels before hashing.
    if image.mode not in ("RGB", "RGBA", "L"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    raw = (image.mode, image.width, image.height)
    pixels = image.tobytes()
    content_id = xxhash.xxh3_128_hexdigest(f"pixels:{raw}:".encode() + pixels)
    return Media("image", pixels, content_id, raw=raw)


def decode_image(media: Media) -> Image.Image:
    """Returns the decoded picture.

    Raises:
        RequestError: the file is not there, not an image, truncated, or so large that it must be an attack.
    """
    if media.raw is not None:
        mode, width, height = media.raw
        return Image.frombytes(mode, (width, height), _bytes(media.source))
    image: Image.Image
    try:
        image = Image.open(io.BytesIO(_bytes(media.source)))
        image.load()
        for operation, argument in media.operations:
            image = getattr(image, operation)(argument)
    except UnidentifiedImageError as error:
        place = media.source if isinstance(media.source, str) else f"{len(media.source)} bytes"
        raise RequestError(f"unreadable image: {place}: no known image format") from error
    except Exception as error:  # PIL's decoders raise nearly anything on damaged files
        raise RequestError(f"unreadable image: {error}") from error
    return image


def _bytes(source: bytes | str) -> bytes:
    return source if isinstance(source, bytes) else Path(source).read_bytes()


# A truncated file is an error row, never half a picture.
ImageFile.LOAD_TRUNCATED_IMAGES = False
