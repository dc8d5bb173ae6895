"""Asks what stands at a path that somebody wrote; a name that no file can have names nothing, and is no error."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

__all__ = ["expanded", "inside", "is_file", "is_folder"]

# Too long, not ours to look at, with a null character, of a user who is not there: pathlib raises at some of them.


def expanded(name: str) -> Path:
    """Returns the path with `~` in the place of a home that is known; else as it is written."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def inside(folder: Path, name: str) -> Path:
    """Returns the path of a name below a folder that has no links in it.

    Raises:
        ValueError: the name leads out of the folder.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise ValueError(f"its member {name!r} leads out of the folder")
    return folder / path


def is_file(path: Path) -> bool:
    """Whether a file stands at a path."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder stands at a path."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
