"""A document's media: what the task says they are, in one list, and what identifies them without decoding."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import xxhash

from fasteval.api.task import MediaIdentity
from fasteval.errors import DocumentError
from fasteval.media import LazyImage
from fasteval.tasks.canonical import MEDIA_SUFFIXES, document_digest, image_digest, images_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["as_visuals", "identity_of_columns", "identity_of_document"]


def as_visuals(value: Any, folder: Path | None) -> list[Any]:
    """Returns media as a flat list: nothing becomes an empty one, paths of image files become lazy images.

    Args:
        value: what a task's function or column gave: nothing, one medium, or a list of them.
        folder: what relative paths are relative to.
    """
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [visual for entry in value for visual in as_visuals(entry, folder)]
    if isinstance(value, str | Path) and Path(value).suffix.lower() in MEDIA_SUFFIXES:
        path = Path(value) if folder is None else folder / value
        if not path.is_file():
            raise DocumentError(f"there is no image file {path}")
        return [LazyImage(path)]
    if isinstance(value, dict) and isinstance(value.get("bytes"), bytes):
        return [LazyImage(value["bytes"])]
    return [value]


def identity_of_columns(values: Sequence[Any], folder: Path | None) -> MediaIdentity:
    """Returns the identity of media that stand in columns: their encoded bytes, in order."""
    visuals = as_visuals(list(values), folder)
    if not visuals:
        return MediaIdentity()
    return MediaIdentity(document_digest(visuals, folder), _sources(visuals))


def identity_of_document(
    doc: dict[str, Any], code: Iterable[bytes], options: Any, folder: Path | None
) -> MediaIdentity:
    """Returns the identity of media that code makes of a document: the whole document, the code and its options.

    Args:
        doc: the document.
        code: digests of the functions that make the media.
        options: what the functions are given beside the document.
        folder: what relative paths are relative to.
    """
    hasher = xxhash.xxh3_128(document_digest([doc, options], folder))
    for digest in code:
        hasher.update(digest)
    return MediaIdentity(hasher.digest(), _sources(doc))


def _sources(value: Any) -> tuple[bytes, ...]:
    return tuple(image.digest if isinstance(image, LazyImage) else image_digest(image) for image in images_in(value))
