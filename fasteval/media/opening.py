"""The one place where encoded pictures, videos and sounds of unknown origin are opened, with its limits."""

from __future__ import annotations

import contextlib
import functools
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageFile

from fasteval.errors import RequestError, UnsupportedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FORMATS", "MAX_BYTES", "check_size", "max_pixels", "open_container", "open_image", "read_encoded"]

#: What benchmarks are made of. Pillow knows more: EPS, which it hands to Ghostscript to run, and much that nobody uses.
FORMATS = (
    "AVIF", "BMP", "DIB", "GIF", "ICNS", "ICO", "JPEG", "JPEG2000", "PNG", "PPM", "QOI", "TGA", "TIFF", "WEBP",
)  # fmt: skip
#: A larger file is not read.
MAX_BYTES = 256 << 20
_DEFAULT_MAX_PIXELS = 89_478_485  # a quarter of a GiB in RGB; what Pillow calls a decompression bomb
_VARIABLE = "FASTEVAL_MAX_IMAGE_PIXELS"
# FFmpeg knows play lists as well, which name other files and servers: only what holds its own media is read.
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,flv,ogg,asf,wav,mp3,flac,aac,aiff,gif"
_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "none"}

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


@contextlib.contextmanager
def open_container(source: bytes | str, what: str) -> Iterator[Any]:
    """Opens an encoded video or sound with PyAV; everything that goes wrong within the block names `what`.

    Args:
        source: encoded bytes, or the path of a file.
        what: "video" or "audio": the kind of stream that is wanted; the container has one.

    Raises:
        UnsupportedError: PyAV is not installed.
        RequestError: the file is not there, not such a file, damaged or truncated.
    """
    try:
        import av
    except ImportError as error:
        raise UnsupportedError(f"to decode {what} files install PyAV: pip install 'fasteval[video]'") from error
    place = source if isinstance(source, str) else f"{len(source)} bytes"
    try:
        # Python opens the file: FFmpeg itself gets no means to open anything.
        with (
            io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb") as file,
            av.open(file, options=_OPTIONS, metadata_errors="ignore") as container,
        ):
            if not getattr(container.streams, what):
                raise RequestError(f"unreadable {what}: {place}: the file has no {what} in it")
            yield container
    except RequestError:
        raise
    except MemoryError as error:
        raise RequestError(f"unreadable {what}: {place}: not enough memory to decode it") from error
    except Exception as error:  # FFmpeg's and its decoders' errors on damaged files are of many types
        reason = str(error).removesuffix(": '<none>'").strip()
        raise RequestError(f"unreadable {what}: {place}: {type(error).__name__}: {reason}") from error
