"""`_task_utils.media_resolver`: a document's video or audio file, looked for where data sets put such files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["resolve_media_reference"]

_ENDINGS = {
    "audio": ("wav", "mp3", "m4a", "aac", "flac", "ogg", "opus", "webm"),
    "video": ("mp4", "webm", "mkv", "mov", "avi", "flv", "wmv"),
}
_SUBFOLDERS = {"audio": ("", "audio", "audios", "clips"), "video": ("", "video", "videos", "clips")}


def resolve_media_reference(
    reference: Any,
    media_type: str = "video",
    cache_dir: str | None = None,
    env_vars: Iterable[str] = (),
    extra_subdirs: Iterable[str] = (),
) -> Any:
    """Returns the path of the file that `reference` means; what is no path, an address, or not found, as it is.

    Args:
        reference: a path, whole or relative, with or without its ending.
        media_type: "video" or "audio".
        cache_dir: the task's folder below `HF_HOME`.
        env_vars: environment variables that name folders, looked through first; then `LMMS_EVAL_MEDIA_ROOT`.
        extra_subdirs: folders to look for below each of the folders.
    """
    value = reference.strip() if isinstance(reference, str) else ""
    if not value or value.lower().startswith(("http://", "https://")):
        return reference
    path = Path(value).expanduser()
    if path.exists():
        return str(path)
    kind = "audio" if media_type == "audio" else "video"
    for folder in _folders(kind, cache_dir, env_vars):
        for below in ("", *extra_subdirs):
            for name in dict.fromkeys((value, path.name)):
                for candidate in _with_endings(folder / below / name, kind):
                    if candidate.exists():
                        return str(candidate)
    return reference


def _folders(kind: str, cache_dir: str | None, env_vars: Iterable[str]) -> Iterator[Path]:
    for variable in (*env_vars, "LMMS_EVAL_MEDIA_ROOT"):
        value = os.environ.get(variable, "").strip()
        if value:
            yield Path(value).expanduser()
    home = Path(os.environ.get("HF_HOME", "").strip() or "~/.cache/huggingface").expanduser()
    yield home
    if cache_dir:
        for base in (home / cache_dir, home / "datasets" / cache_dir):
            for below in _SUBFOLDERS[kind]:
                yield base / below


def _with_endings(path: Path, kind: str) -> list[Path]:
    if path.suffix:
        return [path, path.with_suffix(path.suffix.lower()), path.with_suffix(path.suffix.upper())]
    return [path.with_suffix(f".{form}") for ending in _ENDINGS[kind] for form in (ending, ending.upper())]
