"""Imported by every Python process that has this folder in PYTHONPATH: does to it what the environment asks for.

CAMPAIGN_POISON_TEXT: the engine host ends with a Python error when it is given a prompt that has this text in it.
CAMPAIGN_POISON_WIDTH: it ends with SIGSEGV when it is given a picture of this width.
CAMPAIGN_CLOCK: `time.time` jumps by up to so many seconds, back and forth, from call to call.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def _poison(text: str | None, width: int | None) -> None:
    sys.path.append(sys.orig_argv[-2])  # as the host's program is about to do
    from fasteval.models.host import worker

    load = worker.load_backend

    def check(requests: Sequence[Any], images: Sequence[Any]) -> None:
        if width is not None and any(image.width == width for image in images):
            os.kill(os.getpid(), signal.SIGSEGV)
        if text is not None and any(text in request.text for request in requests):
            raise RuntimeError("poisoned by the campaign")

    def load_backend(config: Any) -> Any:
        backend: Any = load(config)
        add = backend.add

        def checked_add(requests: Sequence[Any], images: Sequence[Any]) -> Any:
            check(requests, images)
            return add(requests, images)

        backend.add = checked_add
        return backend

    worker.load_backend = load_backend


def _jump(seconds: float) -> None:
    draw = random.Random(os.getpid())
    now, now_ns = time.time, time.time_ns

    def offset() -> float:
        return draw.uniform(-seconds, seconds)

    time.time = lambda: now() + offset()
    time.time_ns = lambda: now_ns() + int(offset() * 1e9)


if any("fasteval.models.host.worker" in word for word in sys.orig_argv):
    _text, _width = os.environ.get("CAMPAIGN_POISON_TEXT"), os.environ.get("CAMPAIGN_POISON_WIDTH")
    if _text or _width:
        _poison(_text, int(_width) if _width else None)
if "CAMPAIGN_CLOCK" in os.environ:
    _jump(float(os.environ["CAMPAIGN_CLOCK"]))
