"""`open_image`: the one place where encoded pictures of unknown origin are opened, with its limits."""

from __future__ import annotations

import functools
import io
import os
from pathlib import Path

from PIL import Image, ImageFile

from fasteval.errors import UsageError

__all__ = ["FORMATS", "MAX_BYTES", "check_size", "max_pixels", "open_image", "read_encoded"]

#: What benchmarks are made of. Pillow knows more: EPS, which it hands to Ghostscript to run, and much that nobody uses.
FORMATS = (
    "AVIF", "BMP", "DIB", "GIF", "ICNS", "ICO", "JPEG", "JPEG2000", "PNG", "PPM", "QOI", "TGA", "TIFF", "WEBP",
)  # fmt: skip
#: A larger file is not read.
MAX_BYTES = 256 << 20
_DEFAULT_MAX_PIXELS = 89_478_485  # a quarter of a GiB in RGB; what Pillow calls a decompression bomb
_VARIABLE = "FASTEVAL_MAX_IMAGE_PIXELS"

# A truncated file is an error row, never half a picture.
ImageFile.LOAD_TRUNCATED_IMAGES = False


@functools.cache
def max_pixels() -> int:
    """Returns how many pixels a picture may have: `FASTEVAL_MAX_IMAGE_PIXELS`, else 89,478,485.

    Raises:
        UsageError: the variable is no whole number.
    """
    value = os.environ.get(_VARIABLE, "").replace("_", "").replace(",", "").strip()
    if value and not value.isdecimal():
        raise UsageError(f"{_VARIABLE}={value!r} is not a whole number of pixels")
    limit = int(value) if value else _DEFAULT_MAX_PIXELS
    # Pillow's own limit counts wherever else pictures are opened: in task code, in `datasets`.
    Image.MAX_IMAGE_PIXELS = limit
    return limit


def check_size(size: tuple[int, int]) -> None:
    """Refuses a picture of too many pixels; `size` is its width and height.

    Raises:
        PIL.Image.DecompressionBombError: it is too large.
    """
    width, height = size
    if width * height > max_pixels():
        raise _too_large(f"its {width:,} x {height:,} pixels")


def read_encoded(source: bytes | str) -> bytes:
    """Returns the encoded bytes of a picture: `source` itself, or the content of the file that it names.

    Raises:
        OSError: the file cannot be read.
        PIL.Image.DecompressionBombError: it is too large.
    """
    if isinstance(source, bytes):
        return source
    path = Path(source)
    if path.stat().st_size > MAX_BYTES:
        raise Image.DecompressionBombError(f"{path}: {path.stat().st_size:,} bytes are more than {MAX_BYTES:,}")
    return path.read_bytes()


def open_image(source: bytes | str) -> Image.Image:
    """Returns the picture with its header read and its pixels not decoded yet.

    Raises:
        OSError: the file cannot be read; `PIL.UnidentifiedImageError`, one of them: it is no image of `FORMATS`.
        PIL.Image.DecompressionBombError: it is too large.
        Exception: whatever else Pillow raises on a damaged header.
    """
    encoded = read_encoded(source)
    max_pixels()  # Pillow looks at its own limit first
    try:
        image = Image.open(io.BytesIO(encoded), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large("the pixels that its header promises") from error
    check_size(image.size)
    return image


def _too_large(what: str) -> Image.DecompressionBombError:
    return Image.DecompressionBombError(
        f"{what} are more than the {max_pixels():,} that an image may have (the environment variable {_VARIABLE} "
        f"sets the limit)"
    )
