"""`_task_utils.file_utils`: where a task puts the file that a benchmark's server wants to see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["generate_submission_file"]


def generate_submission_file(file_name: str, args: Any, subpath: str = "submissions") -> str:
    """Returns the absolute path of `file_name` below the run's output folder, and makes the folder.

    Args:
        file_name: the file.
        args: the run's arguments, of which `output_path` is read; without one it is the current folder.
        subpath: the folder.
    """
    base = getattr(args, "output_path", None)
    folder = Path(base or "") / subpath
    folder.mkdir(parents=True, exist_ok=True)
    return str((folder / file_name).absolute())
