"""Encoded media files: what kind they are, and the digest of their bytes."""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path

import xxhash

__all__ = ["Encoded", "MEDIA_SUFFIXES", "kind_of_bytes", "kind_of_path", "source_digest"]

_IMAGES = (
    ".avif", ".bmp", ".gif", ".ico", ".jfif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tga", ".tif", ".tiff",
    ".webp",
)  # fmt: skip
_VIDEOS = (".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv")
_AUDIOS = (".aac", ".aiff", ".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus", ".wav")
_KINDS = {
    suffix: kind
    for kind, suffixes in (("image", _IMAGES), ("video", _VIDEOS), ("audio", _AUDIOS))
    for suffix in suffixes
}

#: Files with these endings are media: what a document names by path counts by its content.
MEDIA_SUFFIXES = frozenset(_KINDS)


def kind_of_path(path: str | Path) -> str | None:
    """Returns "image", "video" or "audio" by the file's ending; None for any other."""
    return _KINDS.get(Path(path).suffix.lower())


def kind_of_bytes(data: bytes) -> str:
    """Returns "video" or "audio" by the first bytes of a file, and "image" for whatever is neither."""
    if data[:4] == b"RIFF":
        return {b"AVI ": "video", b"WAVE": "audio"}.get(data[8:12], "image")
    if data[4:8] == b"ftyp":
        return {b"M4A ": "audio", b"avif": "image", b"avis": "image"}.get(data[8:12], "video")
    if data[:4] == b"\x1aE\xdf\xa3" or data[:3] == b"FLV":  # Matroska and WebM
        return "video"
    is_mp3 = data[:3] == b"ID3" or (data[:1] == b"\xff" and data[1:2] in (b"\xfb", b"\xf3", b"\xf2"))
    return "audio" if is_mp3 or data[:4] in (b"OggS", b"fLaC") else "image"


class Encoded:
    """A medium whose file nobody has looked into: task code gets it, and whoever needs its content decodes it.

    Attributes:
        source: the encoded bytes, or the path of the file.
    """

    _digest: bytes | None = None

    def __init__(self, source: bytes | str | Path) -> None:
        """Remembers `source`; reads nothing."""
        self.source: bytes | str = source if isinstance(source, bytes) else str(source)

    @property
    def digest(self) -> bytes:
        """16 bytes that identify the encoded source (not what is done to it, nor which frames are chosen)."""
        if self._digest is None:
            self._digest = source_digest(self.source)
        return self._digest


def source_digest(source: bytes | str) -> bytes:
    """Returns 16 bytes that identify an encoded file: its bytes, or the path of the file that has them.

    Raises:
        OSError: the file cannot be read.
    """
    if isinstance(source, bytes):
        return xxhash.xxh3_128_digest(source)
    state = os.stat(source)  # noqa: PTH116 - making a Path costs more than asking
    return _file_digest(source, state.st_ino, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=1 << 16)
def _file_digest(path: str, inode: int, size: int, mtime: int) -> bytes:  # noqa: ARG001 - they tell a file's states apart
    """Returns the digest of a file's content; the questions about one picture or video read it once."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, xxhash.xxh3_128).digest()  # type: ignore[arg-type]  # has what it uses
