"""A line chart as SVG text: both axes in powers of ten, a line a series, a dashed line for the bar."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 168, 48, 48
COLOURS = ("#4c6ef5", "#f76707", "#2f9e44", "#ae3ec9")
NEAR = 0.05
"""So little beside a power of ten, an axis still begins or ends at it."""

INK, FAINT = "#495057", "#ced4da"
FONT = "font-family='system-ui, sans-serif' font-size='12'"

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    """Powers of ten between `low` and `high` (exponents), over `length` pixels from `start`."""

    low: int
    high: int
    start: float
    length: float

    def at(self, value: float) -> float:
        return round(self.start + (math.log10(value) - self.low) / (self.high - self.low) * self.length, 1)

    @property
    def ticks(self) -> list[float]:
        return [10.0**power for power in range(self.low, self.high + 1)]


def chart(title: str, series: Mapping[str, Points], *, x: str, y: str, bar: float | None = None) -> str:
    """The picture; `x` and `y` say what is counted, `bar` is drawn across."""
    every = [point for points in series.values() for point in points]
    across = _axis([value for value, _ in every], LEFT, WIDTH - LEFT - RIGHT)
    told = [value * 1.3 for _, value in every] + [bar * 1.3 for bar in (bar,) if bar]
    up = _axis(told, HEIGHT - BOTTOM, TOP + BOTTOM - HEIGHT)
    parts = [
        f"<rect width='{WIDTH}' height='{HEIGHT}' fill='white' rx='6'/>",
        _text(LEFT, 24, title, weight="600", size=14),
        *_grid(across, up),
        _text(LEFT + across.length / 2, HEIGHT - 10, x, anchor="middle"),
        _text(LEFT, TOP - 8, y),
        *([_bar_line(up.at(bar), bar)] if bar else []),
        *(part for n, points in enumerate(series.values()) for part in _line(points, n, across, up)),
        *_labels(series, across, up),
    ]
    size = f"width='{WIDTH}' height='{HEIGHT}' viewBox='0 0 {WIDTH} {HEIGHT}'"
    return f"<svg xmlns='http://www.w3.org/2000/svg' {size} role='img'><title>{title}</title>{''.join(parts)}</svg>\n"


def _axis(values: Sequence[float], start: float, length: float) -> Axis:
    low, high = math.floor(math.log10(min(values)) + NEAR), math.ceil(math.log10(max(values)) - NEAR)
    return Axis(low, max(high, low + 1), start, length)


def _grid(across: Axis, up: Axis) -> list[str]:
    right, foot = across.start + across.length, up.start
    parts = []
    for tick in up.ticks:
        parts.append(f"<path d='M{LEFT} {up.at(tick)}H{right}' stroke='{FAINT}' stroke-width='1'/>")
        parts.append(_text(LEFT - 8, up.at(tick) + 4, _number(tick), anchor="end"))
    parts += [_text(across.at(tick), foot + 18, _number(tick), anchor="middle") for tick in across.ticks]
    return parts


def _line(points: Points, number: int, across: Axis, up: Axis) -> list[str]:
    colour = COLOURS[number % len(COLOURS)]
    places = [(across.at(x), up.at(y)) for x, y in points]
    path = "M" + "L".join(f"{x} {y}" for x, y in places)
    dots = [f"<circle cx='{x}' cy='{y}' r='3.5' fill='{colour}'/>" for x, y in places]
    return [f"<path d='{path}' fill='none' stroke='{colour}' stroke-width='2'/>", *dots]


def _labels(series: Mapping[str, Points], across: Axis, up: Axis) -> list[str]:
    """Each line's name and last value beside its end, moved down where two would cover each other."""
    ends = [(up.at(points[-1][1]), n, name, points[-1]) for n, (name, points) in enumerate(series.items())]
    parts, free_from = [], float("-inf")
    for height, n, name, (x, y) in sorted(ends):
        at = max(height + 4, free_from)
        parts.append(_text(across.at(x) + 10, at, f"{name}: {_rounded(y)}", colour=COLOURS[n % len(COLOURS)]))
        free_from = at + 15
    return parts


def _rounded(value: float) -> str:
    return f"{value:,.3g}" if value < 1_000 else f"{value:,.0f}"


def _bar_line(height: float, bar: float) -> str:
    line = f"<path d='M{LEFT} {height}H{WIDTH - RIGHT}' stroke='{INK}' stroke-dasharray='5 4'/>"
    return line + _text(LEFT + 6, height - 6, f"bar: {bar:g}")


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", colour: str = INK, weight: str = "400", size: int = 12
) -> str:
    font = FONT.replace("'12'", f"'{size}'")
    return f"<text x='{x}' y='{y}' {font} font-weight='{weight}' fill='{colour}' text-anchor='{anchor}'>{words}</text>"


def _number(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
