"""Line charts as SVG, drawn by hand: no script, no font, no library.

Chart: series and marks in the units of its axes  ->  <figure> with title, <svg> and legend

Colours are those of the page's style sheet (`CHART_STYLE`), light or dark; shapes and dashes tell
the series apart where colours do not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, TypeAlias

Look: TypeAlias = Literal[
    "cascade", "oracle", "random", "limit", "small", "large", "exact", "empirical", "crc"
]
"""What a series or mark stands for; it sets colour, dash and shape, the same in every chart."""

WIDTH, HEIGHT = 520, 340
"""Of the drawing, in its own units; it grows and shrinks with the page."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 24, 12, 46
_MOST_TICKS = 6
_NARROW = 1e-9

_SHAPES: dict[Look, str] = {
    "cascade": "M0-6A6 6 0 1 1 0 6A6 6 0 1 1 0-6Z",
    "small": "M-5-5H5V5H-5Z",
    "large": "M0-7L7 0L0 7L-7 0Z",
    "exact": "M0-6.5L6.5 5H-6.5Z",
    "empirical": "M0 6.5L6.5-5H-6.5Z",
    "crc": "M-2-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z",
}
_ROUND = "M0-5A5 5 0 1 1 0 5A5 5 0 1 1 0-5Z"

CHART_STYLE = """
:root{--cascade:#0b5fb8;--oracle:#12805c;--random:#7b8494;--limit:#c0392b;--small:#b45f06;
--large:#6b3fa0;--exact:#0a7d8c;--empirical:#8a6d00;--crc:#b0287a}
@media (prefers-color-scheme:dark){:root{--cascade:#6cb2ff;--oracle:#4fd1a1;--random:#97a1b3;
--limit:#ff8273;--small:#ffb066;--large:#c3a1f5;--exact:#5fd3e3;--empirical:#e3c54a;--crc:#ff8fcb}}
figure{margin:0 auto}
figure svg{display:block;width:100%;height:auto}
figcaption{font-weight:600;margin:0 0 .5rem}
svg text{font:13px system-ui,sans-serif;fill:var(--quiet)}
@media (max-width:40rem){svg text{font-size:16px}}
.grid{stroke:var(--rule);stroke-width:1}
.frame{stroke:var(--quiet);stroke-width:1}
.line{fill:none;stroke-width:2.25;stroke-linejoin:round}
.band{opacity:.16}
.mark{stroke:var(--card);stroke-width:1.5}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:.5rem 0 0;padding:0;
font-size:.85rem;color:var(--quiet)}
.legend li{display:flex;align-items:center;gap:.4rem}
.legend svg{width:24px;height:16px;flex:none}
""" + "".join(
    f".line.{look}{{stroke:var(--{look})}}.band.{look},.mark.{look}{{fill:var(--{look})}}\n"
    for look in ("cascade", "oracle", "random", "limit", *list(_SHAPES)[1:])
)
CHART_STYLE += ".line.oracle{stroke-dasharray:9 4}.line.random{stroke-dasharray:2 4}"
CHART_STYLE += ".line.limit{stroke-dasharray:6 4;stroke-width:1.75}"


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis; it reaches from the first tick at or below the data to the first at or above."""

    label: str
    unit: Literal["share", "usd"] = "share"
    from_zero: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """Points joined by a line, with a band around it where `low` and `high` are given."""

    name: str
    look: Look
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """One point."""

    name: str
    look: Look
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart."""

    id: str
    """Unique on its page; letters, digits and hyphens."""
    title: str
    description: str
    """What it shows, for people who do not see it."""
    x: Axis
    y: Axis
    series: tuple[Series, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class _Scale:
    """Maps the values of an axis to places in the drawing."""

    ticks: tuple[float, ...]
    start: float
    end: float

    def at(self, value: float) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def figure(chart: Chart) -> str:
    """Return a chart as a self-contained HTML figure; every text in it is escaped.

    Raises:
        ValueError: It has neither a series nor a mark.
    """
    x, y = _scales(chart)
    parts = [
        *_grid(chart, x, y),
        *(_band(series, x, y) for series in chart.series if series.low),
        *(_line(series, x, y) for series in chart.series),
        *(_mark(mark, x, y) for mark in chart.marks),
    ]
    return (
        f"<figure><figcaption>{escape(chart.title)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-labelledby="{escape(chart.id)}-title {escape(chart.id)}-text">'
        f'<title id="{escape(chart.id)}-title">{escape(chart.title)}</title>'
        f'<desc id="{escape(chart.id)}-text">{escape(chart.description)}</desc>'
        f"{''.join(parts)}</svg>{_legend(chart)}</figure>"
    )


def nice_ticks(low: float, high: float, most: int = _MOST_TICKS) -> tuple[float, ...]:
    """Return at least two round numbers, evenly spaced, that enclose low to high.

    They are multiples of 1, 2 or 5 times a power of ten.

    Args:
        low: Least value.
        high: Greatest value, above `low`.
        most: How many there are at most when both ends are round; one more at each end that is
            not.
    """
    exact = (high - low) / (most - 1)
    power = 10.0 ** math.floor(math.log10(exact))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= exact * (1 - _NARROW))
    first, last = math.floor(low / step + _NARROW), math.ceil(high / step - _NARROW)
    return tuple(index * step for index in range(first, last + 1))


def _scales(chart: Chart) -> tuple[_Scale, _Scale]:
    xs = [x for series in chart.series for x in series.x] + [mark.x for mark in chart.marks]
    ys = [y for series in chart.series for y in (*series.y, *series.low, *series.high)] + [
        mark.y for mark in chart.marks
    ]
    if not xs:
        raise ValueError(f"chart {chart.id!r} has nothing to draw")
    return (
        _Scale(_ticks(chart.x, xs), _LEFT, WIDTH - _RIGHT),
        _Scale(_ticks(chart.y, ys), HEIGHT - _BOTTOM, _TOP),
    )


def _ticks(axis: Axis, values: Sequence[float]) -> tuple[float, ...]:
    low, high = min(values), max(values)
    if axis.from_zero:
        low = min(low, 0.0)
    if high - low > _NARROW * high:
        return nice_ticks(low, high)
    if axis.unit == "share":  # never more than all or less than nothing
        return nice_ticks(max(0.0, low - 0.05), min(1.0, high + 0.05))
    return nice_ticks(0.0, high or 1.0)


def _grid(chart: Chart, x: _Scale, y: _Scale) -> list[str]:
    """Return grid lines, tick labels and the names of the axes."""
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    write_x, write_y = _writer(chart.x, x.ticks), _writer(chart.y, y.ticks)
    across = [
        f'<path class="grid" d="M{_LEFT} {y.at(tick):.1f}H{right}"/>'
        f'<text x="{_LEFT - 8}" y="{y.at(tick) + 4.5:.1f}" text-anchor="end">{write_y(tick)}</text>'
        for tick in y.ticks
    ]
    up = [
        f'<path class="grid" d="M{x.at(tick):.1f} {_TOP}V{bottom}"/>'
        f'<text x="{x.at(tick):.1f}" y="{bottom + 18}" text-anchor="middle">{write_x(tick)}</text>'
        for tick in x.ticks
    ]
    names = (
        f'<text x="{(_LEFT + right) / 2}" y="{HEIGHT - 6}" text-anchor="middle">'
        f"{escape(chart.x.label)}</text>"
    )
    return [*across, *up, f'<path class="frame" d="M{_LEFT} {bottom}H{right}"/>', names]


def _writer(axis: Axis, ticks: Sequence[float]) -> Callable[[float], str]:
    """Return how to write a tick: with as many decimals as tell it from the next one."""
    step = ticks[1] - ticks[0]
    if axis.unit == "share":
        decimals = max(0, -math.floor(math.log10(100 * step) + _NARROW))
        return lambda tick: f"{tick:.{decimals}%}"
    decimals = max(0, -math.floor(math.log10(step) + _NARROW))
    cents = 2 if decimals == 1 else decimals
    return lambda tick: f"${tick:,.{cents}f}"


def _line(series: Series, x: _Scale, y: _Scale) -> str:
    return f'<path class="line {series.look}" d="M{_path(series.x, series.y, x, y)}"/>'


def _band(series: Series, x: _Scale, y: _Scale) -> str:
    there = _path(series.x, series.high, x, y)
    back = _path(series.x[::-1], series.low[::-1], x, y)
    return f'<path class="band {series.look}" d="M{there}L{back}Z"/>'


def _path(xs: Sequence[float], ys: Sequence[float], x: _Scale, y: _Scale) -> str:
    return "L".join(f"{x.at(a):.1f} {y.at(b):.1f}" for a, b in zip(xs, ys, strict=True))


def _mark(mark: Mark, x: _Scale, y: _Scale) -> str:
    return (
        f'<path class="mark {mark.look}" d="{_SHAPES.get(mark.look, _ROUND)}" '
        f'transform="translate({x.at(mark.x):.1f} {y.at(mark.y):.1f})"/>'
    )


def _legend(chart: Chart) -> str:
    """Return the names of series and marks beside a small drawing of each."""
    lines = [(each.name, f'<path class="line {each.look}" d="M0 8H24"/>') for each in chart.series]
    points = [
        (
            each.name,
            f'<path class="mark {each.look}" d="{_SHAPES.get(each.look, _ROUND)}" '
            'transform="translate(12 8)"/>',
        )
        for each in chart.marks
    ]
    items = "".join(
        f'<li><svg viewBox="0 0 24 16" aria-hidden="true">{drawn}</svg>{escape(name)}</li>'
        for name, drawn in lines + points
    )
    return f'<ul class="legend">{items}</ul>'
