"""Names of files: of models and tasks, and of moments."""

from __future__ import annotations

import re
import time

__all__ = ["UNSAFE", "date_string", "sanitize_name", "shorten"]

#: What one file system or another does not take in a name, and control characters.
UNSAFE = re.compile(r'["<>:/|\\?*\[\]\x00-\x1f\x7f]+')
_MAX_NAME_BYTES = 150


def sanitize_name(name: str) -> str:
    """Returns a name of a model (or task) that is safe as one part of a path.

    As in lmms-eval, the last two parts of a path are kept and joined by "__": "/data/Qwen/Qwen2-VL" gives
    "Qwen__Qwen2-VL". Parts such as ".." are dropped, so that the result cannot leave its folder.
    """
    parts = [part for part in re.split(r"[/\\]", name) if part.strip(" .")]
    return shorten(UNSAFE.sub("__", "__".join(parts[-2:])).strip())


def shorten(name: str) -> str:
    """Returns a name that is neither hidden nor empty nor too long for a file system."""
    safe = re.sub(r"^\.+", "_", name) or "model"
    return safe.encode("utf-8", "replace")[:_MAX_NAME_BYTES].decode("utf-8", "ignore")


def date_string(seconds: float) -> str:
    """Returns local time as YYYYMMDD_HHMMSS."""
    return time.strftime("%Y%m%d_%H%M%S", time.localtime(seconds))
