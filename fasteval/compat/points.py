"""`_task_utils.point_format`: points in a reply."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["parse_point2d"]

_PAIR = re.compile(r"[\[(]\s*([-+]?\d+\.?\d*)\s*,\s*([-+]?\d+\.?\d*)\s*[\])]")


def parse_point2d(text: str, width: int, height: int) -> NDArray[np.int64]:
    """Returns the points `[x, y]` or `(x, y)` of a reply in pixels, shape (points, 2); shape (0,) without any.

    A pair of whole numbers is on a grid of 1000 by 1000, as Qwen's models give it; a pair with a decimal point is a
    share of width and height.
    """
    points = []
    for x, y in _PAIR.findall(text):
        scale = 1 if "." in x + y else 1000
        points.append((int(float(x) / scale * width), int(float(y) / scale * height)))
    return np.array(points)
