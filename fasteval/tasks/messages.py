"""Chat messages as task code writes them, and in canonical form: media become references into one list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PIL import Image

from fasteval.api.prompt import VISUALS
from fasteval.errors import DocumentError
from fasteval.media import FrameChoice
from fasteval.tasks.visuals import as_visuals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["canonical_messages", "chat_messages", "with_system"]

_MEDIA = ("image", "video", "audio")


def canonical_messages(
    messages: Any, folder: Path | None, frames: FrameChoice | None = None
) -> tuple[list[dict[str, Any]], list[Any]]:
    """Returns messages whose media are `{"type": "media", "index": i}`, and the media in order.

    Args:
        messages: `[{"role": …, "content": text or [part, …]}, …]`; a part is a text, or an image, video or audio with
            the object itself under `url`.
        folder: what relative paths are relative to.
        frames: which frames of videos the task wants to be shown; a part's own `max_num_frames`, `fps`, `start_time`
            and `end_time` come before it.

    Raises:
        DocumentError: the messages do not have that form.
        UsageError: a video's frames cannot be chosen like this.
    """
    media: list[Any] = []
    canonical = []
    if not isinstance(messages, list | tuple) or not messages:
        raise DocumentError(f"doc_to_messages must return a list of messages, got {type(messages).__name__}")
    for message in messages:
        if not isinstance(message, dict) or not {"role", "content"} <= set(message):
            raise DocumentError(f"a message needs 'role' and 'content', got {message!r}")
        content = message["content"]
        entries = [{"type": "text", "text": content}] if isinstance(content, str) else content
        parts = [_canonical_part(entry, media, folder, frames) for entry in entries]
        canonical.append({"role": message["role"], "content": parts})
    return canonical, media


def chat_messages(text: str, visuals: Sequence[Any]) -> list[dict[str, Any]]:
    """Returns one user turn in the form that task code writes: all media, then the text."""
    parts = [{"type": _type_of(visual), "url": visual} for visual in visuals]
    return [{"role": "user", "content": [*parts, {"type": "text", "text": text}]}]


def with_system(messages: list[dict[str, Any]], system_instruction: str | None) -> list[dict[str, Any]]:
    """Returns the messages with a system turn; where they begin with one, the instruction comes before its text."""
    if not system_instruction:
        return messages
    part = {"type": "text", "text": system_instruction}
    if messages and messages[0]["role"] == "system":
        own = messages[0]["content"]
        return [{"role": "system", "content": [part, *own]}, *messages[1:]]
    return [{"role": "system", "content": [part]}, *messages]


def _canonical_part(part: Any, media: list[Any], folder: Path | None, frames: FrameChoice | None) -> dict[str, Any]:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == VISUALS["type"]:
        raise DocumentError("doc_to_messages must name its media one by one")
    if kind == "text":
        return {"type": "text", "text": str(part["text"])}
    if kind in _MEDIA:
        own = FrameChoice.of(part) if kind == "video" else None
        chosen = frames if own is None else own.completed(frames or FrameChoice())
        visuals = as_visuals(part.get("url", part.get(kind)), folder, kind=kind, frames=chosen)
        if len(visuals) != 1:
            raise DocumentError(f"a content part of type '{kind}' needs one medium under 'url'")
        media.append(visuals[0])
        return {"type": "media", "index": len(media) - 1}
    raise DocumentError(f"a content part is a text, an image, a video or an audio, got {part!r}")


def _type_of(visual: Any) -> str:
    if isinstance(visual, Image.Image):
        return "image"
    return "audio" if isinstance(visual, Mapping) else "video"
