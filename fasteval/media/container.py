"""`open_container`: the one place where encoded videos and sounds of unknown origin are opened, with its limits."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.errors import RequestError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["open_container"]

# FFmpeg knows play lists as well, which name other files and servers: only what holds its own media is read.
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,flv,ogg,asf,wav,mp3,flac,aac,aiff,gif"
_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "none"}


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
