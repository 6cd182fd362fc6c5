"""A picture of curves, as SVG text: panels in rows, both axes logarithmic, every point with its value. No input or
output, and no library: the picture is small, and whoever reads a change of it sees what changed."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from benchmarks.figures import Curve

WIDTH, HEIGHT = 520, 400
"""Of one panel, in pixels."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 120, 58, 52
_LABEL_HEIGHT = 14
_VALUE_WIDTH, _VALUE_HEIGHT = 32, 11
_COLOURS = ("#0969da", "#8250df", "#bf5700", "#1a7f37", "#cf222e")
_STYLE = """
  text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: #424a53; }
  .title { font-size: 14px; font-weight: 600; }
  .value { font-size: 10px; }
  .grid { stroke: #8c959f; stroke-opacity: .3; }
  .line { fill: none; stroke-width: 2; }
  @media (prefers-color-scheme: dark) { text { fill: #c9d1d9; } }
"""


@dataclass(frozen=True, slots=True)
class Line:
    """Something that was measured at several places. Its points are in the order of x; none is zero."""

    label: str
    points: Curve


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines over the same thing."""

    title: str
    x_label: str
    lines: tuple[Line, ...]
    y_label: str


def svg(title: str, *rows: Sequence[Panel]) -> str:
    """The picture of all panels, row below row. Panels without a point are left out."""
    drawn = [[panel for panel in row if any(line.points for line in panel.lines)] for row in rows]
    width, height = WIDTH * max(map(len, drawn)), HEIGHT * len(drawn)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(' '.join(map(_in_words, drawn)))}</desc>",
        f"<style>{_STYLE}</style>",
    ]
    for down, row in enumerate(drawn):
        for across, panel in enumerate(row):
            parts += [f'<g transform="translate({WIDTH * across} {HEIGHT * down})">', *_panel(panel), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _in_words(panels: Sequence[Panel]) -> str:
    return " ".join(
        f"{panel.title}, {panel.y_label}: {'; '.join(_line_in_words(line) for line in panel.lines if line.points)}."
        for panel in panels
    )


def _line_in_words(line: Line) -> str:
    return f"{line.label} " + ", ".join(f"{_short(y)} at {x:,}" for x, y in line.points)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where a value lies between two pixels, by its logarithm."""

    low: float
    high: float
    first: float
    last: float

    def at(self, value: float) -> float:
        share = (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return round(self.first + share * (self.last - self.first), 1)


def _panel(panel: Panel) -> Iterator[str]:
    lines = [line for line in panel.lines if line.points]
    across = sorted({x for line in lines for x, _ in line.points})
    rates = [y for line in lines for _, y in line.points]
    ticks = _ticks(min(rates), max(rates))
    horizontal = _Scale(across[0], max(across[-1], across[0] * 2), _LEFT, WIDTH - _RIGHT)
    vertical = _Scale(ticks[0], ticks[-1], HEIGHT - _BOTTOM, _TOP)
    yield f'<text class="title" x="{_LEFT}" y="22">{escape(panel.title)}</text>'
    yield f'<text x="{_LEFT}" y="40">{escape(panel.y_label)}</text>'
    yield from _axes(across, ticks, horizontal, vertical)
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    yield f'<text x="{middle}" y="{HEIGHT - 12}" text-anchor="middle">{escape(panel.x_label)}</text>'
    heights = _apart([vertical.at(line.points[-1][1]) for line in lines])
    taken: list[tuple[float, float]] = []
    for line, height, colour in zip(lines, heights, _COLOURS, strict=False):
        yield from _line(line, colour, horizontal, vertical, taken)
        yield f'<text x="{WIDTH - _RIGHT + 10}" y="{height + 4}" style="fill:{colour}">{escape(line.label)}</text>'


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 with their powers of ten, from the last that is below all to the first that is above."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    steps = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    first = max(number for number, step in enumerate(steps) if step < low)
    last = min(number for number, step in enumerate(steps) if step > high)
    return steps[first : last + 1]


def _axes(across: Sequence[float], ticks: Sequence[float], horizontal: _Scale, vertical: _Scale) -> Iterator[str]:
    for tick in ticks:
        y = vertical.at(tick)
        yield f'<line class="grid" x1="{_LEFT}" y1="{y}" x2="{WIDTH - _RIGHT}" y2="{y}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{_short(tick)}</text>'
    shown = -math.inf
    for value in across:
        x = horizontal.at(value)
        yield f'<line class="grid" x1="{x}" y1="{_TOP}" x2="{x}" y2="{HEIGHT - _BOTTOM}"/>'
        if x - shown > 24:
            yield f'<text x="{x}" y="{HEIGHT - _BOTTOM + 16}" text-anchor="middle">{_short(value)}</text>'
            shown = x


def _line(
    line: Line, colour: str, horizontal: _Scale, vertical: _Scale, taken: list[tuple[float, float]]
) -> Iterator[str]:
    """The points with their values, each above its point, or below where another line's value is already."""
    places = [(horizontal.at(x), vertical.at(y)) for x, y in line.points]
    yield f'<polyline class="line" stroke="{colour}" points="{" ".join(f"{x},{y}" for x, y in places)}"/>'
    for (x, y), (_, value) in zip(places, line.points, strict=True):
        yield f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>'
        anchor, aside = ("start", 4) if x == _LEFT else ("middle", 0)  # clear of the axis
        above = all(abs(x - other) > _VALUE_WIDTH or abs(y - 7 - height) > _VALUE_HEIGHT for other, height in taken)
        written = round(y - 7 if above else y + 15, 1)
        taken.append((x, written))
        yield f'<text class="value" x="{x + aside}" y="{written}" text-anchor="{anchor}">{_short(value)}</text>'


def _apart(heights: Sequence[float]) -> list[float]:
    """The same heights, moved down where two labels would lie on each other."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    moved = list(heights)
    for above, below in pairwise(order):
        moved[below] = max(moved[below], moved[above] + _LABEL_HEIGHT)
    return moved


def _short(value: float) -> str:
    """1,500,000 as 1.5M, 12,345 as 12.3k, 987.6 as 988."""
    for size, letter in ((1_000_000, "M"), (10_000, "k")):
        if value >= size:
            return f"{value / (size if letter == 'M' else 1000):.3g}{letter}"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
