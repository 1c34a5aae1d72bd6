"""The axes of a chart: where their ticks are and how these are written.

Axis, values in its unit  ->  Scale: ticks, and the place in the drawing of each value
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

MOST_TICKS = 6
_NARROW = 1e-9
_DAY_S = 86_400.0
_TIME_STEPS_S = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3600 * hours for hours in (1, 2, 3, 6, 12)),
    *(_DAY_S * days for days in (1, 2, 7, 14, 28, 91, 182, 365, 730, 1825, 3650, 18250, 36500)),
)
"""Between ticks of time: what clocks and calendars count in."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis."""

    label: str
    unit: Literal["share", "usd", "count", "time"] = "share"
    """Time is in seconds since 1970, drawn as UTC."""
    from_zero: bool = False
    tight: bool = False
    """Whether it ends where the data does, and not at the first ticks that enclose them."""
    most_ticks: int = MOST_TICKS


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps the values of an axis to places in the drawing."""

    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    """One a tick."""
    low: float
    high: float
    start: float
    """Place of `low`."""
    end: float
    """Place of `high`."""

    def at(self, value: float) -> float:
        """Return the place of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def scale(axis: Axis, values: Sequence[float], start: float, end: float) -> Scale:
    """Return the scale of an axis that shows all values between two places of the drawing."""
    low, high = _ends(axis, values)
    spaced = time_ticks if axis.unit == "time" else nice_ticks
    ticks = spaced(low, high, axis.most_ticks)
    if axis.tight:
        ticks = tuple(tick for tick in ticks if low <= tick <= high) or (low,)
    else:
        low, high = ticks[0], ticks[-1]
    write = _writer(axis, ticks)
    return Scale(ticks, tuple(write(tick) for tick in ticks), low, high, start, end)


def nice_ticks(low: float, high: float, most: int = MOST_TICKS) -> tuple[float, ...]:
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
    return _multiples(low, high, next(m * power for m in (1, 2, 5, 10) if _fits(m * power, exact)))


def time_ticks(low: float, high: float, most: int = MOST_TICKS) -> tuple[float, ...]:
    """Return at least two moments, evenly spaced, that enclose low to high.

    Args:
        low: Seconds since 1970.
        high: Seconds since 1970, after `low`.
        most: As in `nice_ticks`.
    """
    exact = (high - low) / (most - 1)
    steps = (step for step in _TIME_STEPS_S if _fits(step, exact))
    return _multiples(low, high, next(steps, _TIME_STEPS_S[-1]))


def _fits(step: float, exact: float) -> bool:
    return step >= exact * (1 - _NARROW)


def _multiples(low: float, high: float, step: float) -> tuple[float, ...]:
    first, last = math.floor(low / step + _NARROW), math.ceil(high / step - _NARROW)
    return tuple(index * step for index in range(first, last + 1))


def _ends(axis: Axis, values: Sequence[float]) -> tuple[float, float]:
    """Return least and greatest value to show, apart from each other in any case."""
    low, high = min(values), max(values)
    if axis.from_zero:
        low = min(low, 0.0)
    if axis.unit == "time":
        return low, max(high, low + 1.0)  # a second is little beside all those since 1970
    if axis.unit == "count":
        high = max(high, low + axis.most_ticks - 1)  # no ticks between whole numbers
    if high - low > _NARROW * high:
        return low, high
    if axis.unit == "share":  # never more than all or less than nothing
        return max(0.0, low - 0.05), min(1.0, high + 0.05)
    return 0.0, high or 1.0


def _writer(axis: Axis, ticks: Sequence[float]) -> Callable[[float], str]:
    """Return how to write a tick: with as many decimals as tell it from the next one."""
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    match axis.unit:
        case "time":
            return _time_writer(ticks, step)
        case "count":
            return _count_writer(ticks[-1])
        case "share":
            decimals = max(0, -math.floor(math.log10(100 * step) + _NARROW))
            return lambda tick: f"{tick:.{decimals}%}"
    decimals = max(0, -math.floor(math.log10(step) + _NARROW))
    cents = 2 if decimals == 1 else decimals
    return lambda tick: f"${tick:,.{cents}f}"


def _count_writer(greatest: float) -> Callable[[float], str]:
    """Return how to write counts: all in ones, in thousands or in millions."""
    for unit, letter in ((1e9, " bn"), (1e6, " M"), (1e4, " k")):
        if greatest >= unit:
            per = 1e3 if unit == 1e4 else unit
            return lambda tick: f"{tick / per:.5g}{letter}" if tick else "0"
    return lambda tick: f"{tick:,.0f}"


def _time_writer(ticks: Sequence[float], step: float) -> Callable[[float], str]:
    """Return how to write moments: no finer than the step, with the date where it changes."""
    if step >= _DAY_S:
        return lambda tick: _clock(tick, "%Y-%m-%d")
    clock = "%H:%M" if step >= 60 else "%H:%M:%S"
    if step < 1:
        return lambda tick: f"{_clock(tick, clock)}.{round(tick % 1 * 10)}"
    one_day = ticks[0] // _DAY_S == ticks[-1] // _DAY_S
    return lambda tick: _clock(tick, clock if one_day else f"%m-%d {clock}")


def _clock(moment: float, form: str) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime(form)
