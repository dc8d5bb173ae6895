"""`_task_utils.video_loader`: where a data set's videos lie."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["get_cache_dir", "get_video"]


def get_cache_dir(config: Mapping[str, Any], sub_dir: str = "videos") -> str:
    """Returns the folder `sub_dir` of the task's `dataset_kwargs.cache_dir`, below `HF_HOME`."""
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    return str(home / config["dataset_kwargs"]["cache_dir"] / sub_dir)


def get_video(prefix: str, video_name: Any, suffix: str = "mp4") -> str:
    """Returns the video's absolute path; the ending may be missing, and in upper or lower case.

    Raises:
        FileNotFoundError: it is under none of the names.
    """
    tried = []
    for ending in (suffix, suffix.upper(), suffix.lower()):
        name = str(video_name)
        path = Path(prefix, name if name.endswith(ending) else f"{name}.{ending}").absolute()
        if path.exists():
            return str(path)
        tried.append(str(path))
    raise FileNotFoundError(f"the video is at none of {', '.join(dict.fromkeys(tried))}")
