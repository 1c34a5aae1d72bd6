"""What nodes cost in a month, from a list of prices.

prices.yaml {usd_per_hour: {node type: price}}, nodes by type  ->  US dollars a month
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from headgate.cascade.mistakes import Mistake, described, did_you_mean, quoted
from headgate.cascade.source import read_source
from headgate.errors import InputError

HOURS_PER_MONTH = 730
"""8,760 hours of a year over 12."""

_KEY = "usd_per_hour"
_EXAMPLE = "Write `usd_per_hour: {cpu_worker: 0.19}`."


def read_prices(path: Path) -> dict[str, float]:
    """Return US dollars an hour by node type.

    Raises:
        SpecFileError: It is no list of prices; every mistake that was found.
    """
    source = read_source(path)
    mistakes = [*source.mistakes, *_mistakes(source.values)]
    if mistakes or not isinstance(source.values, dict):
        raise source.errors(mistakes)
    prices = source.values[_KEY]
    assert isinstance(prices, dict)  # noqa: S101 - checked above; for the types
    return {name: float(each) for name, each in prices.items() if isinstance(each, int | float)}


def _mistakes(values: object) -> Iterator[Mistake]:
    prices = values.get(_KEY) if isinstance(values, dict) else None
    if not isinstance(values, dict) or not isinstance(prices, dict) or not prices:
        yield Mistake((), f"there are no prices under {_KEY}", _EXAMPLE)
        return
    for key in values:
        if key != _KEY:
            yield Mistake((key,), f"unknown key {quoted(key)}", _EXAMPLE)
    for name, price in prices.items():
        if not isinstance(price, int | float) or isinstance(price, bool) or price < 0:
            path = (_KEY, name)
            problem = f"expected a number of at least 0, found {described(price, path)}"
            yield Mistake(path, problem, "Write the price without quotes or a currency.")


def check_prices(prices: Mapping[str, float], types: Iterable[str], place: str) -> None:
    """Refuse a list that lacks a price, or has one of a type that the cluster does not have.

    Raises:
        InputError: Names the first such type.
    """
    known = list(types)
    for name in known:
        if name not in prices:
            problem = f"there is no price of the node type {name!r}"
            raise InputError(place, problem, f"Add it below {_KEY}.")
    for name in prices:
        if name not in known:
            remedy = did_you_mean(name, known, "Remove it.")
            raise InputError(place, f"the cluster has no node type {quoted(name)}", remedy)


def usd_per_month(nodes: Mapping[str, int], prices: Mapping[str, float]) -> float:
    """Return what so many nodes of each type cost when they run the whole month."""
    return HOURS_PER_MONTH * sum(count * prices[name] for name, count in nodes.items())
