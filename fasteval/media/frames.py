"""`FrameChoice`: which frames of a video a model is shown."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import orjson

from fasteval.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

__all__ = ["DEFAULT_FRAMES", "FrameChoice"]


@dataclass(frozen=True, slots=True)
class FrameChoice:
    """Frames at equal distances, the first and the last one among them.

    Attributes:
        max_num_frames: how many at most.
        fps: how many a second of the video; None takes `max_num_frames` whatever the length.
        start_time: seconds from the video's beginning; earlier frames are left out.
        end_time: likewise; later frames are left out.
    """

    max_num_frames: int | None = None
    fps: float | None = None
    start_time: float | None = None
    end_time: float | None = None

    def __post_init__(self) -> None:
        """Refuses what no frames could be chosen by.

        Raises:
            UsageError: a value is no number, or out of range.
        """
        for entry in fields(self):
            value = getattr(self, entry.name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if value is not None and not is_number:
                raise UsageError(f"{entry.name}={value!r} is not a number")
        if self.max_num_frames is not None and (
            self.max_num_frames != int(self.max_num_frames) or self.max_num_frames < 1
        ):
            raise UsageError(f"max_num_frames={self.max_num_frames} is not a whole number of at least 1")
        if self.fps is not None and self.fps <= 0:
            raise UsageError(f"fps={self.fps} is not above 0")
        if self.start_time is not None and self.end_time is not None and self.start_time >= self.end_time:
            raise UsageError(f"start_time={self.start_time} is not before end_time={self.end_time}")

    @classmethod
    def of(cls, options: Mapping[str, Any] | None) -> Self | None:
        """Returns the choice that some options make among others of their own; None where they make none."""
        own = {entry.name: (options or {}).get(entry.name) for entry in fields(cls)}
        return cls(**own) if any(value is not None for value in own.values()) else None

    @classmethod
    def of_task(cls, options: Mapping[str, Any] | None) -> Self | None:
        """Returns the choice that a task's options make by `max_num_frames` and `fps`; None where they make none."""
        return cls.of({name: (options or {}).get(name) for name in ("max_num_frames", "fps")})

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Returns the choice that `to_text` gave."""
        return cls(**orjson.loads(text))

    def to_text(self) -> str:
        """Returns the choice in one form only, for keys and for the wire."""
        return orjson.dumps(asdict(self), option=orjson.OPT_SORT_KEYS).decode()

    def completed(self, default: FrameChoice) -> FrameChoice:
        """Returns the choice with what it leaves open taken from `default`."""
        values = [(getattr(self, entry.name), getattr(default, entry.name)) for entry in fields(self)]
        return FrameChoice(*(ours if ours is not None else theirs for ours, theirs in values))

    def indices(self, times: Sequence[float]) -> list[int]:
        """Returns which frames are shown, in order.

        Args:
            times: when each frame of the video is shown, in seconds from its beginning, ascending.

        Returns:
            Ascending numbers, at most `max_num_frames`; none where no frame lies between start and end.
        """
        start, end = self.start_time or 0.0, math.inf if self.end_time is None else self.end_time
        inside = [index for index, time in enumerate(times) if start <= time <= end]
        if not inside:
            return []
        count = len(inside) if self.max_num_frames is None else min(self.max_num_frames, len(inside))
        if self.fps is not None:
            # The last frame is shown for as long as the others are, on average.
            span = times[inside[-1]] - times[inside[0]]
            seconds = span * len(inside) / (len(inside) - 1) if len(inside) > 1 else 0.0
            count = max(1, min(count, round(seconds * self.fps)))
        if count == 1:
            return inside[:1]
        # Halves to the even neighbour, as numpy.linspace(…).round() has them in lmms-eval and in vLLM.
        return [inside[round(number * (len(inside) - 1) / (count - 1))] for number in range(count)]


#: What a video is shown by where neither task nor run says anything: lmms-eval's default.
DEFAULT_FRAMES = FrameChoice(max_num_frames=32)
