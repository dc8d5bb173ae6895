"""`LazyImage`: a PIL image that is decoded when its pixels are first used, and remembers its lineage until then.

Task code gets one of these for each image of a document. What nearly all task code does with it, `convert("RGB")`,
stays lazy: the result is the same source with one more operation, so an image whose answer is in the cache is never
decoded. Everything else works as on any PIL image; from then on the image counts as changed, and is known by its
pixels: a box drawn on it can never pass for the source.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import xxhash
from PIL import Image

__all__ = ["LazyImage"]


class LazyImage(Image.Image):
    """An image with a known encoded source.

    Attributes:
        source: the encoded bytes, or the path of the file.
        operations: pure operations that follow decoding, in order.
    """

    def __init__(self, source: bytes | str | Path, operations: tuple[tuple[str, str], ...] = ()) -> None:
        """Remembers `source`; reads nothing."""
        super().__init__()
        self.source: bytes | str = source if isinstance(source, bytes) else str(source)
        self.operations = operations
        self._header: tuple[str, tuple[int, int]] | None = None
        self._digest: bytes | None = None

    @property
    def is_loaded(self) -> bool:
        """Whether somebody has had the pixels in hand, and so may have changed them."""
        return getattr(self, "_im", None) is not None

    @property
    def digest(self) -> bytes:
        """16 bytes that identify the encoded source (not the operations)."""
        if self._digest is None:
            self._digest = xxhash.xxh3_128_digest(self._encoded())
        return self._digest

    @property
    def content_id(self) -> str:
        """32 hex digits that identify source and operations, and so the pixels."""
        if not self.operations:
            return self.digest.hex()
        return xxhash.xxh3_128_hexdigest(self.digest + repr(self.operations).encode())

    def _encoded(self) -> bytes:
        return self.source if isinstance(self.source, bytes) else Path(self.source).read_bytes()

    def _decode(self) -> Image.Image:
        image: Image.Image = Image.open(io.BytesIO(self._encoded()))
        image.load()
        for operation, argument in self.operations:
            image = getattr(image, operation)(argument)
        return image

    def _read_header(self) -> tuple[str, tuple[int, int]]:
        if self._header is None:
            with Image.open(io.BytesIO(self._encoded())) as image:
                mode, size = image.mode, image.size
            if self.operations:
                mode = self.operations[-1][1]  # the only lazy operation is convert, whose argument is the mode
            self._header = (mode, size)
        return self._header

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels; reads the file's header, not its pixels."""
        return self._size if self.is_loaded else self._read_header()[1]

    @property
    def mode(self) -> str:
        """The pixel format; reads the file's header, not its pixels."""
        return self._mode if self.is_loaded else self._read_header()[0]

    def getexif(self) -> Image.Exif:
        """Returns the source's EXIF data."""
        with Image.open(io.BytesIO(self._encoded())) as image:
            return image.getexif()

    def convert(self, mode: str | None = None, *args: Any, **kwargs: Any) -> Image.Image:
        """Returns the image in another mode; lazily where only the mode is given."""
        if mode is None or args or kwargs or self.is_loaded:
            return super().convert(mode, *args, **kwargs)
        if mode == self._read_header()[0]:
            return LazyImage(self.source, self.operations)
        return LazyImage(self.source, (*self.operations, ("convert", mode)))

    def copy(self) -> Image.Image:
        """Returns a copy; lazily while nobody has had the pixels in hand."""
        return super().copy() if self.is_loaded else LazyImage(self.source, self.operations)

    def load(self) -> Any:
        """Decodes the picture at the first call. From now on it is known by its pixels."""
        if not self.is_loaded:
            decoded = self._decode()
            self._im = decoded.im
            self._mode = decoded.mode
            self._size = decoded.size
            self.palette = decoded.palette
            self.info = decoded.info
            self.readonly = 0
        return super().load()
