"""Charts of lines, points and stacked bars as SVG, drawn by hand: no script, no font, no library.

Chart: series, marks and bars in the units of its axes  ->  <figure> with title, <svg> and legend

Colours are those of the page's style sheet (`CHART_STYLE`), light or dark; shapes and dashes tell
the series apart where colours do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, TypeAlias

from headgate.pages.ticks import Axis, Scale, scale

Look: TypeAlias = Literal[
    "cascade",
    "oracle",
    "random",
    "limit",
    "small",
    "large",
    "exact",
    "empirical",
    "crc",
    "first",
    "second",
    "third",
    "fourth",
    "rest",
]
"""What a series or mark stands for; it sets colour, dash and shape, the same in every chart."""

WIDTH, HEIGHT = 520, 340
"""Of a drawing, in its own units; it grows and shrinks with the page."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 24, 12, 46
_GAP = 1.0
"""Between neighbouring bars."""

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
--large:#6b3fa0;--exact:#0a7d8c;--empirical:#8a6d00;--crc:#b0287a;--first:#c0392b;
--second:#dd9a17;--third:#6b3fa0;--fourth:#0a7d8c;--rest:#7b8494}
@media (prefers-color-scheme:dark){:root{--cascade:#6cb2ff;--oracle:#4fd1a1;--random:#97a1b3;
--limit:#ff8273;--small:#ffb066;--large:#c3a1f5;--exact:#5fd3e3;--empirical:#e3c54a;--crc:#ff8fcb;
--first:#ff8273;--second:#f2c14e;--third:#c3a1f5;--fourth:#5fd3e3;--rest:#97a1b3}}
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
.hint{fill:transparent}
.hint:hover{fill:var(--ink);opacity:.09}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:.5rem 0 0;padding:0;
font-size:.85rem;color:var(--quiet)}
.legend li{display:flex;align-items:center;gap:.4rem}
.legend svg{width:24px;height:16px;flex:none}
""" + "".join(
    f".line.{look}{{stroke:var(--{look})}}.band.{look},.mark.{look}{{fill:var(--{look})}}\n"
    for look in ("cascade", "oracle", "random", "limit", *list(_SHAPES)[1:])
)
CHART_STYLE += "".join(
    f".bar.{look}{{fill:var(--{look})}}\n"
    for look in ("cascade", "first", "second", "third", "fourth", "rest")
)
CHART_STYLE += ".line.oracle{stroke-dasharray:9 4}.line.random{stroke-dasharray:2 4}"
CHART_STYLE += ".line.limit{stroke-dasharray:6 4;stroke-width:1.75}"


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
class Bars:
    """Bars from the axis upwards; those of a chart stand on top of one another."""

    name: str
    look: Look
    left: Sequence[float]
    """Where each bar begins; the same in all bars of a chart."""
    right: Sequence[float]
    """Where each ends."""
    height: Sequence[float]
    """0 or more."""


@dataclass(frozen=True, slots=True)
class Hint:
    """A text that is shown while the pointer is over a part of the x axis."""

    left: float
    right: float
    text: str


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
    bars: tuple[Bars, ...] = ()
    hints: tuple[Hint, ...] = ()
    width: int = WIDTH
    height: int = HEIGHT


def figure(chart: Chart) -> str:
    """Return a chart as a self-contained HTML figure; every text in it is escaped.

    Raises:
        ValueError: It has neither a series nor a mark nor bars.
    """
    x, y = _scales(chart)
    parts = [
        *_grid(chart, x, y),
        *_stacked(chart.bars, x, y),
        *(_band(series, x, y) for series in chart.series if series.low),
        *(_line(series, x, y) for series in chart.series),
        *(_mark(mark, x, y) for mark in chart.marks),
        *(_hint(hint, x, chart) for hint in chart.hints),
    ]
    return (
        f"<figure><figcaption>{escape(chart.title)}</figcaption>"
        f'<svg viewBox="0 0 {chart.width} {chart.height}" role="img" '
        f'aria-labelledby="{escape(chart.id)}-title {escape(chart.id)}-text">'
        f'<title id="{escape(chart.id)}-title">{escape(chart.title)}</title>'
        f'<desc id="{escape(chart.id)}-text">{escape(chart.description)}</desc>'
        f"{''.join(parts)}</svg>{_legend(chart)}</figure>"
    )


def _scales(chart: Chart) -> tuple[Scale, Scale]:
    xs = [
        *(x for series in chart.series for x in series.x),
        *(mark.x for mark in chart.marks),
        *(x for bars in chart.bars for x in (*bars.left, *bars.right)),
    ]
    ys = [
        *(y for series in chart.series for y in (*series.y, *series.low, *series.high)),
        *(mark.y for mark in chart.marks),
        *_tops(chart.bars),
    ]
    if not xs:
        raise ValueError(f"chart {chart.id!r} has nothing to draw")
    return (
        scale(chart.x, xs, _LEFT, chart.width - _RIGHT),
        scale(chart.y, ys, chart.height - _BOTTOM, _TOP),
    )


def _tops(stack: Sequence[Bars]) -> list[float]:
    """Return where the highest bar of each place ends."""
    return [sum(heights) for heights in zip(*(bars.height for bars in stack), strict=True)]


def _grid(chart: Chart, x: Scale, y: Scale) -> list[str]:
    """Return grid lines, tick labels and the names of the axes."""
    bottom, right = chart.height - _BOTTOM, chart.width - _RIGHT
    across = [
        f'<path class="grid" d="M{_LEFT} {y.at(tick):.1f}H{right}"/>'
        f'<text x="{_LEFT - 8}" y="{y.at(tick) + 4.5:.1f}" text-anchor="end">{label}</text>'
        for tick, label in zip(y.ticks, y.labels, strict=True)
    ]
    up = [
        f'<path class="grid" d="M{x.at(tick):.1f} {_TOP}V{bottom}"/>'
        f'<text x="{x.at(tick):.1f}" y="{bottom + 18}" text-anchor="middle">{label}</text>'
        for tick, label in zip(x.ticks, x.labels, strict=True)
    ]
    names = (
        f'<text x="{(_LEFT + right) / 2}" y="{chart.height - 6}" text-anchor="middle">'
        f"{escape(chart.x.label)}</text>"
    )
    return [*across, *up, f'<path class="frame" d="M{_LEFT} {bottom}H{right}"/>', names]


def _stacked(stack: Sequence[Bars], x: Scale, y: Scale) -> list[str]:
    """Return one path for all bars of one look, each bar on top of those before."""
    if not stack:
        return []
    paths, floors = [], [0.0] * len(stack[0].left)
    for bars in stack:
        tops = [floor + height for floor, height in zip(floors, bars.height, strict=True)]
        drawn = "".join(
            _bar(x.at(left), x.at(right), y.at(floor), y.at(top))
            for left, right, floor, top in zip(bars.left, bars.right, floors, tops, strict=True)
            if top > floor
        )
        paths.append(f'<path class="bar {bars.look}" d="{drawn}"/>')
        floors = tops
    return paths


def _bar(left: float, right: float, floor: float, top: float) -> str:
    gap = min(_GAP, (right - left) / 4)
    return f"M{left:.1f} {floor:.1f}V{top:.1f}H{right - gap:.1f}V{floor:.1f}Z"


def _hint(hint: Hint, x: Scale, chart: Chart) -> str:
    left, width = x.at(hint.left), x.at(hint.right) - x.at(hint.left)
    return (
        f'<rect class="hint" x="{left:.1f}" y="{_TOP}" width="{width:.1f}" '
        f'height="{chart.height - _BOTTOM - _TOP}"><title>{escape(hint.text)}</title></rect>'
    )


def _line(series: Series, x: Scale, y: Scale) -> str:
    return f'<path class="line {series.look}" d="M{_path(series.x, series.y, x, y)}"/>'


def _band(series: Series, x: Scale, y: Scale) -> str:
    there = _path(series.x, series.high, x, y)
    back = _path(series.x[::-1], series.low[::-1], x, y)
    return f'<path class="band {series.look}" d="M{there}L{back}Z"/>'


def _path(xs: Sequence[float], ys: Sequence[float], x: Scale, y: Scale) -> str:
    return "L".join(f"{x.at(a):.1f} {y.at(b):.1f}" for a, b in zip(xs, ys, strict=True))


def _mark(mark: Mark, x: Scale, y: Scale) -> str:
    return (
        f'<path class="mark {mark.look}" d="{_SHAPES.get(mark.look, _ROUND)}" '
        f'transform="translate({x.at(mark.x):.1f} {y.at(mark.y):.1f})"/>'
    )


def _legend(chart: Chart) -> str:
    """Return the names of series, marks and bars beside a small drawing of each."""
    lines = [(each.name, f'<path class="line {each.look}" d="M0 8H24"/>') for each in chart.series]
    points = [
        (
            each.name,
            f'<path class="mark {each.look}" d="{_SHAPES.get(each.look, _ROUND)}" '
            'transform="translate(12 8)"/>',
        )
        for each in chart.marks
    ]
    swatches = [
        (each.name, f'<path class="bar {each.look}" d="M5 2H19V14H5Z"/>') for each in chart.bars
    ]
    items = "".join(
        f'<li><svg viewBox="0 0 24 16" aria-hidden="true">{drawn}</svg>{escape(name)}</li>'
        for name, drawn in lines + points + swatches
    )
    return f'<ul class="legend">{items}</ul>'
