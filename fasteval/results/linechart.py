"""Line charts as SVG: small ones side by side, for values over steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.results.html import template_environment
from fasteval.results.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LineChart", "Series", "draw"]

# A chart's size, and where its plot begins and ends.
_FRAME = {"width": 420, "height": 260, "left": 64, "right": 404, "top": 34, "bottom": 220}


@dataclass(frozen=True, slots=True)
class Series:
    """One line.

    Attributes:
        name: what the legend says; "" for none.
        points: (x, y, standard error of y) in the order of x; 0 draws no error bar.
    """

    name: str
    points: Sequence[tuple[float, float, float]]


@dataclass(frozen=True, slots=True)
class LineChart:
    """One chart.

    Attributes:
        title: what stands above it.
        x_label: what stands below it.
        series: its lines.
        is_log: whether both axes are logarithmic; all values must then be above 0.
    """

    title: str
    x_label: str
    series: Sequence[Series]
    is_log: bool = False


def draw(charts: Sequence[LineChart]) -> str:
    """Returns the charts as one SVG picture, two a row."""
    template = template_environment(Path(__file__).parent).get_template("linechart.svg")
    return (
        template.render(_FRAME, charts=[_chart(chart) for chart in charts], columns=2 if len(charts) > 1 else 1) + "\n"
    )


@dataclass(frozen=True, slots=True)
class _Axis:
    """Values become pixels between two ends."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool

    def place(self, value: float) -> float:
        low, high, value = (math.log10(v) if self.is_log else v for v in (self.low, self.high, value))
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        if self.is_log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            return [10.0**power for power in powers if self.low <= 10.0**power <= self.high]
        step = _nice((self.high - self.low) / 4)
        first = math.ceil(self.low / step)
        return [number * step for number in range(first, math.floor(self.high / step + 1e-9) + 1)]


def _axis(values: Sequence[float], start: float, end: float, *, is_log: bool, margin: float) -> _Axis:
    low, high = min(values, default=0.0), max(values, default=1.0)
    if is_log:
        return _Axis(low / 1.3, high * 1.3, start, end, is_log=True)
    room = (high - low) * margin or abs(high) * 0.1 or 1.0
    return _Axis(low - room, high + room, start, end, is_log=False)


def _nice(step: float) -> float:
    """Returns the smallest of 1, 2, 5 times a power of ten that is not below `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))


def _chart(chart: LineChart) -> dict[str, Any]:
    """Returns what the template draws, in pixels."""
    points = [point for series in chart.series for point in series.points]
    x = _axis([p[0] for p in points], _FRAME["left"], _FRAME["right"], is_log=chart.is_log, margin=0.04)
    ends = [end for _, value, error in points for end in (value - error, value + error)]
    y = _axis(ends, _FRAME["bottom"], _FRAME["top"], is_log=chart.is_log, margin=0.08)
    lines = [
        (
            printable(series.name, 60),
            [(x.place(at), *map(y.place, (mean, mean - error, mean + error))) for at, mean, error in series.points],
        )
        for series in chart.series
    ]
    return {
        "title": printable(chart.title, 60),
        "x_label": printable(chart.x_label, 60),
        "x_ticks": [(x.place(tick), _short(tick)) for tick in x.ticks()],
        "y_ticks": [(y.place(tick), _short(tick)) for tick in y.ticks()],
        "lines": lines,
    }


def _short(value: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:.4g}"
