"""`MediaDecoder`: pictures are decoded ahead of their turn by a few threads, each once while it is in hand."""

from __future__ import annotations

import os
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from fasteval.errors import RequestError
from fasteval.media import decode_image, eight_bits
from fasteval.media.opening import max_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fasteval.media import Media

__all__ = ["MediaDecoder", "to_rgb"]

# What is kept of decoded pictures for the requests that follow: 256 MiB of RGB.
_PIXELS_KEPT = (256 << 20) // 3


class MediaDecoder:
    """Decodes media in threads (Pillow releases the interpreter lock), and keeps what was used last.

    Used by one thread. A picture that cannot be decoded is an error for each request that shows it.
    """

    def __init__(self, threads: int | None = None, pixels_kept: int = _PIXELS_KEPT) -> None:
        """Starts no thread yet.

        Args:
            threads: how many at most; by default one a core, but no more than four.
            pixels_kept: how many pixels may stay decoded after their request has gone on.

        Raises:
            UsageError: the environment sets a limit of pixels that is no number.
        """
        max_pixels()
        self._pool = ThreadPoolExecutor(threads or min(4, os.cpu_count() or 1), "decode")
        self._pixels_kept = pixels_kept
        self._futures: OrderedDict[str, Future[Image.Image]] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._kept = 0
        #: How many pictures were decoded.
        self.decoded = 0

    def prefetch(self, media: Sequence[Media]) -> None:
        """Begins to decode; returns at once."""
        for medium in media:
            self._future(medium)

    def is_decoded(self, media: Sequence[Media]) -> bool:
        """Whether `decode` would return at once."""
        return all(self._future(medium).done() for medium in media)

    def decode(self, media: Sequence[Media]) -> tuple[Image.Image, ...]:
        """Returns the pictures in RGB, waiting for them if need be.

        Raises:
            RequestError: one of them cannot be decoded.
        """
        images = tuple(self._future(medium).result() for medium in media)
        for medium, image in zip(media, images, strict=True):
            if medium.content_id not in self._sizes:
                self._sizes[medium.content_id] = image.width * image.height
                self._kept += self._sizes[medium.content_id]
        self._evict()
        return images

    def _future(self, medium: Media) -> Future[Image.Image]:
        future = self._futures.get(medium.content_id)
        if future is None:
            future = self._futures[medium.content_id] = self._pool.submit(_decode, medium)
            self.decoded += 1
        self._futures.move_to_end(medium.content_id)
        return future

    def _evict(self) -> None:
        """Drops what was used longest ago; a request that has its pictures keeps them alive by itself."""
        for content_id in list(self._futures):
            if self._kept <= self._pixels_kept:
                return
            if content_id in self._sizes:
                del self._futures[content_id]
                self._kept -= self._sizes.pop(content_id)

    def clear(self) -> None:
        """Forgets all pictures."""
        self._futures.clear()
        self._sizes.clear()
        self._kept = 0

    def close(self) -> None:
        """Stops the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def to_rgb(image: Image.Image) -> Image.Image:
    """Returns the picture upright (by its EXIF orientation) and in RGB, transparency on white.

    The same for all engines, and what vLLM does with pictures itself, but for 16-bit greys (see `eight_bits`).
    """
    image = eight_bits(ImageOps.exif_transpose(image))
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    opaque = Image.new("RGB", image.size, (255, 255, 255))
    opaque.paste(image, mask=image.getchannel("A"))
    return opaque


def _decode(medium: Media) -> Image.Image:
    try:
        return to_rgb(decode_image(medium))
    except (RequestError, MemoryError):
        raise
    except Exception as error:  # decoders of broken files raise all sorts of errors
        raise RequestError(f"unreadable image: {type(error).__name__}: {error}") from error
