"""A document's media: what the task says they are, in one list, and what identifies them without decoding."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import xxhash

from fasteval.api.task import MediaIdentity
from fasteval.errors import DocumentError
from fasteval.media import LazyAudio, LazyImage, LazyVideo, kind_of_bytes, kind_of_path
from fasteval.tasks.canonical import document_digest, media_in, medium_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fasteval.media import FrameChoice

__all__ = ["as_visuals", "identity_of_document", "identity_of_media"]


def as_visuals(
    value: Any, folder: Path | None, *, kind: str | None = None, frames: FrameChoice | None = None
) -> list[Any]:
    """Returns media as a flat list: nothing becomes an empty one, encoded files become lazy media.

    Args:
        value: what a task's function or column gave: nothing, one medium, or a list of them.
        folder: what relative paths are relative to.
        kind: "image", "video" or "audio" where the task says so; else the file's ending or its first bytes tell.
        frames: which frames of videos the task wants to be shown.

    Raises:
        DocumentError: a file is not there.
    """
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [visual for entry in value for visual in as_visuals(entry, folder, kind=kind, frames=frames)]
    if isinstance(value, LazyVideo):
        return [value if value.frames or not frames else LazyVideo(value.source, frames)]
    if isinstance(value, dict) and isinstance(value.get("bytes"), bytes):
        kind = kind or kind_of_path(str(value.get("path") or ""))
        value = value["bytes"]
    elif isinstance(value, dict) and set(value) == {"bytes", "path"}:  # as `datasets` stores what it does not hold
        value = value["path"]
    if isinstance(value, bytes):
        return [_lazy(value, kind or kind_of_bytes(value), frames)]
    file = _file(value, folder, kind)
    return [value if file is None else _lazy(file[0], file[1], frames)]


def _file(value: Any, folder: Path | None, kind: str | None) -> tuple[Path, str] | None:
    """Returns the media file that a value names, and its kind; None if it names none."""
    named = kind_of_path(value) if isinstance(value, str | Path) else None
    if named is None and (kind is None or not isinstance(value, str | Path)):
        return None
    path = Path(value) if folder is None else folder / value
    if path.is_file():
        return path, named or kind or "image"
    if named is None:
        return None
    raise DocumentError(f"there is no {named} file {path}")


def _lazy(source: bytes | Path, kind: str, frames: FrameChoice | None) -> Any:
    if kind == "video":
        return LazyVideo(source, frames)
    return LazyAudio(source) if kind == "audio" else LazyImage(source)


def identity_of_media(visuals: Sequence[Any], folder: Path | None) -> MediaIdentity:
    """Returns the identity of media that stand in columns: their encoded bytes, in order."""
    return MediaIdentity(document_digest(visuals, folder), _sources(visuals)) if visuals else MediaIdentity()


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
    # Pictures count by their encoded source alone: where one was converted as well, both are decoded once.
    return tuple(
        medium.digest if isinstance(medium, LazyImage) else medium_digest(medium) for medium in media_in(value)
    )
