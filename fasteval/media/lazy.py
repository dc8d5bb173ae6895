"""`LazyImage`: a PIL image that is decoded when its pixels are first used, and remembers its lineage until then.

Task code gets one of these for each image of a document. What nearly all task code does with it, `convert("RGB")`,
stays lazy: the result is the same source with one more operation, so an image whose answer is in the cache is never
decoded. Everything else works as on any PIL image; from then on the image counts as changed, and is known by its
pixels: a box drawn on it can never pass for the source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import xxhash
from PIL import Image

from fasteval.media.opening import open_image
from fasteval.media.sources import Encoded

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import ImagePalette

__all__ = ["LazyImage"]


class _Header(NamedTuple):
    """What a file says of itself before its pixels."""

    mode: str
    size: tuple[int, int]
    format: str | None


class LazyImage(Encoded, Image.Image):
    """An image with a known encoded source.

    Attributes:
        operations: pure operations that follow decoding, in order.
    """

    def __init__(self, source: bytes | str | Path, operations: tuple[tuple[str, str], ...] = ()) -> None:
        """Remembers `source`; reads nothing."""
        Image.Image.__init__(self)
        Encoded.__init__(self, source)
        self.operations = operations
        self._header: _Header | None = None

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Copies and pickles lineage while nobody has had the pixels in hand, else a plain image of the pixels."""
        if self.is_loaded:
            return _same, (super().copy(),)
        return LazyImage, (self.source, self.operations)

    @property
    def is_loaded(self) -> bool:
        """Whether somebody has had the pixels in hand, and so may have changed them."""
        return getattr(self, "_im", None) is not None

    @property
    def content_id(self) -> str:
        """32 hex digits that identify source and operations, and so the pixels.

        Raises:
            ValueError: somebody has had the pixels in hand; `to_media` identifies the image by them.
        """
        if self.is_loaded:
            raise ValueError("an image whose pixels may have been changed is not known by its source")
        if not self.operations:
            return self.digest.hex()
        return xxhash.xxh3_128_hexdigest(self.digest + repr(self.operations).encode())

    def _decode(self) -> Image.Image:
        image = open_image(self.source)
        image.load()
        for operation, argument in self.operations:
            image = getattr(image, operation)(argument)
        return image

    def _read_header(self) -> _Header:
        if self._header is None:
            with open_image(self.source) as image:
                header = _Header(image.mode, image.size, image.format)
            if self.operations:
                # The only lazy operation is convert, whose argument is the mode; what is converted has no file format.
                header = _Header(self.operations[-1][1], header.size, None)
            self._header = header
        return self._header

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels; reads the file's header, not its pixels."""
        return self._size if self.is_loaded else self._read_header().size

    @property
    def mode(self) -> str:
        """The pixel format; reads the file's header, not its pixels."""
        return self._mode if self.is_loaded else self._read_header().mode

    @property
    def format(self) -> str | None:  # type: ignore[override]  # an attribute in PIL
        """The file format, such as "PNG"; None after a conversion. Reads the file's header, not its pixels."""
        return self._read_header().format

    @property
    def info(self) -> dict[str | tuple[int, int], Any]:
        """What the file says beside the pixels. It can be changed, as the pixels can: reading it decodes."""
        if not self.is_loaded:
            self.load()
        return self._info

    @info.setter
    def info(self, info: dict[str | tuple[int, int], Any]) -> None:
        self._info = info

    @property
    def palette(self) -> ImagePalette.ImagePalette | None:
        """The palette, if the mode has one. It can be changed, as the pixels can: reading it decodes."""
        if not self.is_loaded:
            self.load()
        return self._palette

    @palette.setter
    def palette(self, palette: ImagePalette.ImagePalette | None) -> None:
        self._palette = palette

    def getexif(self) -> Image.Exif:
        """Returns the EXIF data, without decoding while nobody has had the pixels in hand."""
        if self.is_loaded:
            return super().getexif()
        with open_image(self.source) as image:
            return image.getexif()

    def convert(self, mode: str | None = None, *args: Any, **kwargs: Any) -> Image.Image:
        """Returns the image in another mode; lazily where only the mode is given."""
        if mode is None or args or kwargs or self.is_loaded:
            return super().convert(mode, *args, **kwargs)
        if mode == self._read_header().mode:
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
            self._exif = decoded._exif  # TIFF images turn themselves upright when decoded, and note it here only
            self.readonly = 0
        return super().load()


def _same(image: Image.Image) -> Image.Image:
    """Returns `image`: what the pickle of a changed image calls."""
    return image
