"""Digests of documents: equal where the documents are, with media told by their encoded source."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import xxhash
from PIL import Image

from fasteval.errors import DocumentError
from fasteval.media import MEDIA_SUFFIXES, LazyAudio, LazyImage, LazyVideo, source_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["document_digest", "image_digest", "media_in", "medium_digest", "names_files"]

_SUFFIXES = tuple(MEDIA_SUFFIXES)
# Marks what JSON has no form for. No column of a data set has a key that starts with a null character.
_MARK = "\0"


def document_digest(value: Any, folder: Path | None = None) -> bytes:
    """Returns 16 bytes that differ wherever two documents do.

    Args:
        value: a document, or any part of one.
        folder: what relative paths of media files are relative to.

    Raises:
        DocumentError: the value holds something whose content cannot be told.
    """
    options = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    try:
        return xxhash.xxh3_128_digest(orjson.dumps(_canonical(value, folder), option=options))
    except TypeError as error:
        raise DocumentError(f"the document cannot be told from others: {error}") from error


def image_digest(image: Image.Image) -> bytes:
    """Returns 16 bytes that identify an image: those of its encoded source, or of mode, size and pixels."""
    if isinstance(image, LazyImage) and not image.is_loaded:
        return image.digest if not image.operations else bytes.fromhex(image.content_id)
    hasher = xxhash.xxh3_128(f"{image.mode} {image.size} ".encode())
    # A palette gives the pixels their colours.
    hasher.update(bytes(image.getpalette() or []))
    hasher.update(image.tobytes())
    return hasher.digest()


def medium_digest(medium: Any) -> bytes:
    """Returns 16 bytes that identify an image, a video (with the task's choice of frames) or a sound."""
    if isinstance(medium, LazyVideo):
        choice = "" if medium.frames is None else medium.frames.to_text()
        return xxhash.xxh3_128_digest(b"video:" + medium.digest + choice.encode())
    return medium.digest if isinstance(medium, LazyAudio) else image_digest(medium)


def media_in(value: Any) -> Iterator[Any]:
    """Yields the images, videos and encoded sounds in a document or a part of one, in the order in which they stand."""
    if isinstance(value, Image.Image | LazyVideo | LazyAudio):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from media_in(entry)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from media_in(entry)


def names_files(value: Any, folder: Path | None) -> bool:
    """Whether a document refers to media files, whose content can change while the document stays the same."""
    if isinstance(value, dict):
        return any(names_files(entry, folder) for entry in value.values())
    if isinstance(value, list | tuple):
        return any(names_files(entry, folder) for entry in value)
    if isinstance(value, str):
        return _file_content(value, folder) is not None
    return isinstance(value, LazyImage | LazyVideo | LazyAudio) and isinstance(value.source, str)


def _canonical(value: Any, folder: Path | None) -> Any:  # noqa: PLR0911 - one return a kind of value
    if isinstance(value, str):
        content = _file_content(value, folder)
        return value if content is None else {_MARK + "file": [value, content]}
    if isinstance(value, dict):
        return {key: _canonical(entry, folder) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(entry, folder) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {_MARK + "float": str(value)}  # JSON would make null of it
    if isinstance(value, bytes):
        return {_MARK + "bytes": xxhash.xxh3_128_hexdigest(value)}
    if isinstance(value, Image.Image):
        return {_MARK + "image": image_digest(value).hex()}
    if isinstance(value, LazyVideo | LazyAudio):
        return {_MARK + type(value).__name__: medium_digest(value).hex()}
    return value


def _file_content(text: str, folder: Path | None) -> str | None:
    """Returns the digest of the media file that `text` names, or None if it names none."""
    if not text[-5:].lower().endswith(_SUFFIXES) or len(text) > 1024:  # most texts are none: this has to be cheap
        return None
    path = Path(text) if folder is None else folder / text
    return source_digest(str(path)).hex() if path.is_file() else None
