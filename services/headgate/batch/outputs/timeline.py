"""Where along time, or along the input, the answers are that one wants to see.

Histogram + normal answer  ->  Bin, ...  ->  Chart: bars of the other answers, stacked

A bar is at least one bucket wide. Along time, bars are equally wide and count rows. Along the
input they hold about equally many rows, and show the share of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from headgate.batch.outputs.histogram import Histogram
from headgate.pages.amounts import counted, share
from headgate.pages.charts import Bars, Chart, Hint, Look
from headgate.pages.text import visible
from headgate.pages.ticks import Axis

MOST_BARS = 96
LOOKS: tuple[Look, ...] = ("first", "second", "third", "fourth")
"""Of the commonest answers but the normal one; the rest share a look."""
OTHERS = "other answers"
_WIDTH, _HEIGHT, _LOW, _TICKS = 1080, 280, 170, 10
_SECOND, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000
_BARS_MS = (
    *(1, 2, 5, 10, 20, 50, 100, 200, 500),
    *(_SECOND * seconds for seconds in (1, 2, 5, 10, 15, 20, 30)),
    *(_MINUTE * minutes for minutes in (1, 2, 5, 10, 15, 20, 30)),
    *(_HOUR * hours for hours in (1, 2, 3, 6, 12)),
    *(_DAY << power for power in range(16)),
)
"""Widths of a bar along time."""
_STRAY = 0.001
"""Rows at either end of time, as a share of all, that may be left out of the chart..."""
_FAR = 4
"""...when it would be so many times as long with them."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows of one bar."""

    left: float
    right: float
    rows: int
    answers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Shown:
    """Which answers a chart tells apart."""

    normal: str
    """The one that it does not draw."""
    answers: tuple[str, ...]
    """The others that have a look of their own, commonest first."""
    unit: str
    """What a row is: `line` or `record`."""

    @classmethod
    def of(cls, by_answer: Mapping[str, int], normal: str, unit: str) -> Shown:
        """Return which of all answers, commonest first, to tell apart."""
        others = [answer for answer in by_answer if answer != normal]
        return cls(normal, tuple(others[: len(LOOKS)]), unit)

    def look(self, answer: str) -> Look:
        """Return what an answer looks like."""
        if answer == self.normal:
            return "cascade"
        return LOOKS[self.answers.index(answer)] if answer in self.answers else "rest"


@dataclass(frozen=True, slots=True)
class Timeline:
    """Charts along time."""

    anomalies: Chart
    all_rows: Chart
    left_out: int
    """Rows whose time is far from all others."""


def along_time(times: Histogram, shown: Shown) -> Timeline:
    """Return charts of a histogram over time that has rows."""
    bins, left_out = time_bins(times)
    noun, first, last = f"{shown.unit}s", bins[0].left, bins[-1].right
    span = f"time in UTC, from {_moment(first)} to {_moment(last)}"
    hints = [f"{_moment(each.left)}: {_told(each, shown)}" for each in bins]
    anomalies = Chart(
        id="anomalies",
        title=f"{noun.capitalize()} that are not {visible(shown.normal, 40)}, over time",
        description=_peak(bins, shown),
        x=Axis(span, "time", tight=True, most_ticks=_TICKS),
        y=Axis(noun, "count", from_zero=True),
        bars=_stack(bins, shown, shares=False),
        hints=_hints(bins, hints),
        width=_WIDTH,
        height=_HEIGHT,
    )
    all_rows = replace(
        anomalies,
        id="rows",
        title=f"All {noun} over time",
        description=f"At most {max(each.rows for each in bins):,} {noun} in a bar.",
        bars=(Bars(f"All {noun}", "cascade", *_edges(bins), [each.rows for each in bins]),),
        height=_LOW,
    )
    return Timeline(anomalies, all_rows, left_out)


def along_input(places: Histogram, shown: Shown) -> Chart:
    """Return the chart of a histogram over the input that has rows."""
    bins = place_bins(places)
    noun = f"{shown.unit}s"
    span = f"{noun} from the first to the last of the input"
    hints = [f"from {shown.unit} {each.left + 1:,.0f}: {_told(each, shown)}" for each in bins]
    return Chart(
        id="anomalies",
        title=f"Share of {noun} that are not {visible(shown.normal, 40)}, along the input",
        description=_peak(bins, shown),
        x=Axis(span, "count", tight=True, most_ticks=_TICKS),
        y=Axis(f"share of {noun}", from_zero=True),
        bars=_stack(bins, shown, shares=True),
        hints=_hints(bins, hints),
        width=_WIDTH,
        height=_HEIGHT,
    )


def time_bins(times: Histogram) -> tuple[list[Bin], int]:
    """Return equally wide bars over time, in seconds, and how many rows are too far away."""
    totals = times.totals()
    first, last = (number * times.width for number in _core(totals))
    width = next(
        width
        for width in _BARS_MS
        if width % times.width == 0 and last // width - first // width < MOST_BARS
    )
    found = dict(_by_bucket(times, width // times.width))
    bins = [
        _bin(number * width / 1000, (number + 1) * width / 1000, found.get(number, {}))
        for number in range(first // width, last // width + 1)
    ]
    return bins, sum(totals.values()) - sum(each.rows for each in bins)


def place_bins(places: Histogram) -> list[Bin]:
    """Return bars along the input, from 0 to all rows, of about equally many rows."""
    least = sum(places.totals().values()) / MOST_BARS
    bins: list[Bin] = []
    answers: dict[str, int] = {}
    start = end = 0
    for _, found in sorted(_by_bucket(places, 1)):
        answers = {name: answers.get(name, 0) + found.get(name, 0) for name in answers | found}
        end += sum(found.values())
        if end - start >= least:
            bins.append(_bin(start, end, answers))
            start, answers = end, {}
    return [*bins, _bin(start, end, answers)] if answers else bins


def _bin(left: float, right: float, answers: Mapping[str, int]) -> Bin:
    return Bin(left, right, sum(answers.values()), answers)


def _by_bucket(histogram: Histogram, group: int) -> Iterator[tuple[int, dict[str, int]]]:
    """Yield the answers of each group of buckets."""
    found: dict[int, dict[str, int]] = {}
    for answer, row in histogram.counts.items():
        for number, rows in row.items():
            own = found.setdefault(number // group, {})
            own[answer] = own.get(answer, 0) + rows
    yield from found.items()


def _core(totals: Mapping[int, int]) -> tuple[int, int]:
    """Return the first and last bucket to show: all of them, unless a few rows are far away."""
    numbers, most = list(totals), sum(totals.values()) * _STRAY
    low, high = _skipped(numbers, totals, most), _skipped(numbers[::-1], totals, most)
    near = high - low + 1
    return (low, high) if numbers[-1] - numbers[0] >= _FAR * near else (numbers[0], numbers[-1])


def _skipped(numbers: Sequence[int], totals: Mapping[int, int], most: float) -> int:
    """Return the first bucket with which more than so many rows are reached."""
    passed = 0
    for number in numbers:
        passed += totals[number]
        if passed > most:
            return number
    return numbers[-1]


def _stack(bins: Sequence[Bin], shown: Shown, *, shares: bool) -> tuple[Bars, ...]:
    """Return the bars of each answer that is told apart, and of the rest; not of the normal one."""
    per = [each.rows if shares else 1 for each in bins]
    stack = [
        Bars(
            visible(answer, 40),
            shown.look(answer),
            *_edges(bins),
            [
                each.answers.get(answer, 0) / of if of else 0
                for each, of in zip(bins, per, strict=True)
            ],
        )
        for answer in shown.answers
    ]
    rest = [_rest(each, shown) / of if of else 0 for each, of in zip(bins, per, strict=True)]
    return (*stack, Bars(OTHERS, "rest", *_edges(bins), rest)) if any(rest) else tuple(stack)


def _rest(each: Bin, shown: Shown) -> int:
    named = sum(each.answers.get(answer, 0) for answer in (*shown.answers, shown.normal))
    return each.rows - named


def _edges(bins: Sequence[Bin]) -> tuple[list[float], list[float]]:
    return [each.left for each in bins], [each.right for each in bins]


def _hints(bins: Sequence[Bin], texts: Sequence[str]) -> tuple[Hint, ...]:
    return tuple(Hint(each.left, each.right, text) for each, text in zip(bins, texts, strict=True))


def _anomalies(each: Bin, shown: Shown) -> int:
    return each.rows - each.answers.get(shown.normal, 0)


def _told(each: Bin, shown: Shown) -> str:
    """Return what is in a bar, as its hint says it."""
    parts = [
        f"{each.answers[answer]:,} {visible(answer, 40)}"
        for answer in shown.answers
        if each.answers.get(answer)
    ]
    rest = _rest(each, shown)
    return ", ".join([*parts, *([f"{rest:,} {OTHERS}"] if rest else [])] or ["none"]) + (
        f" of {counted(each.rows, shown.unit)}"
    )


def _peak(bins: Sequence[Bin], shown: Shown) -> str:
    """Return where most anomalies are, for people who do not see the chart."""
    found = sum(_anomalies(each, shown) for each in bins)
    top = max(bins, key=lambda each: _anomalies(each, shown))
    part = _anomalies(top, shown) / found if found else 0.0
    return f"The highest of {len(bins)} bars has {share(part)} of the {found:,}."


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
