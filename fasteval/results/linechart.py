"""Line charts as SVG: small ones side by side, for values over steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from fasteval.results.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["LineChart", "Series", "draw"]

_WIDTH, _HEIGHT = 420, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 34, 40
_COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#6b46c1", "#b83280", "#4a5568")


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
    columns = min(2, max(1, len(charts)))
    width, height = columns * _WIDTH, max(1, -(-len(charts) // columns)) * _HEIGHT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif"',
        ' font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, chart in enumerate(charts):
        row, column = divmod(number, columns)
        lines += [f'<g transform="translate({column * _WIDTH} {row * _HEIGHT})">', *_chart(chart), "</g>"]
    return "\n".join([*lines, "</svg>"]) + "\n"


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


def _chart(chart: LineChart) -> Iterator[str]:
    points = [point for series in chart.series for point in series.points]
    x = _axis([p[0] for p in points], _LEFT, _WIDTH - _RIGHT, is_log=chart.is_log, margin=0.04)
    ends = [end for _, value, error in points for end in (value - error, value + error)]
    y = _axis(ends, _HEIGHT - _BOTTOM, _TOP, is_log=chart.is_log, margin=0.08)
    yield f'<text x="{_LEFT}" y="18" font-size="13">{_text(chart.title)}</text>'
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    yield f'<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">{_text(chart.x_label)}</text>'
    for tick in y.ticks():
        place = y.place(tick)
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{place:.1f}" y2="{place:.1f}" stroke="#e2e8f0"/>'
        yield f'<text x="{_LEFT - 6}" y="{place + 4:.1f}" text-anchor="end">{_short(tick)}</text>'
    for tick in x.ticks():
        place = x.place(tick)
        yield f'<text x="{place:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{_short(tick)}</text>'
    for number, series in enumerate(chart.series):
        colour = _COLOURS[number % len(_COLOURS)]
        yield from _line(series, x, y, colour)
        if series.name:
            yield f'<text x="{_LEFT + 8}" y="{_TOP + 14 + 14 * number}" fill="{colour}">{_text(series.name)}</text>'


def _line(series: Series, x: _Axis, y: _Axis, colour: str) -> Iterator[str]:
    places = [(x.place(px), y.place(py)) for px, py, _ in series.points]
    path = " ".join(f"{left:.1f},{top:.1f}" for left, top in places)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    for (left, top), (_, value, error) in zip(places, series.points, strict=True):
        if error:
            low, high = y.place(value - error), y.place(value + error)
            yield f'<line x1="{left:.1f}" x2="{left:.1f}" y1="{low:.1f}" y2="{high:.1f}" stroke="{colour}"/>'
        yield f'<circle cx="{left:.1f}" cy="{top:.1f}" r="2.5" fill="{colour}"/>'


def _text(text: str) -> str:
    return escape(printable(text, 60))


def _short(value: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:.4g}"
