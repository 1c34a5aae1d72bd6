"""A few of a column's values, chosen by a named rule; the same ones each time.

Column (values,), size  ->  sample (at most size,)

A rule sees no more than the values that the column keeps. None has a seed: the order of a
column's values is by count and hash, so the first ones are a random draw already where counts are
equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from headgate.domains.schemas.columns import Column
from headgate.domains.schemas.gather import stable_hash
from headgate.domains.schemas.numbers import number_in

Sampler = Callable[[Column, int], tuple[str, ...]]


def frequent(column: Column, size: int) -> tuple[str, ...]:
    """Return the most frequent values, in falling order."""
    return column.values[: max(size, 0)]


def spread(column: Column, size: int) -> tuple[str, ...]:
    """Return values at even steps from the lowest to the highest; both are among them.

    Numbers are ordered by size, before all other values in the order of their characters.
    """
    return _even(column.values, size)


def mixed(column: Column, size: int) -> tuple[str, ...]:
    """Return frequent values for one half, and for the other half even steps through the rest.

    Source:
        Liu et al. 2025, Magneto, arXiv:2412.08194.
    """
    first = frequent(column, size - size // 2)
    return (*first, *_even(column.values[len(first) :], size - len(first)))


def consistent(column: Column, size: int) -> tuple[str, ...]:
    """Return the values of the smallest hashes.

    Two columns with the same values get the same sample, whatever their counts are.
    """
    return tuple(sorted(column.values, key=_by_hash)[: max(size, 0)])


SAMPLERS: Mapping[str, Sampler] = MappingProxyType(
    {"frequent": frequent, "spread": spread, "mixed": mixed, "consistent": consistent}
)
"""All rules by their names."""


def _even(values: tuple[str, ...], size: int) -> tuple[str, ...]:
    """Return values at even steps through the sorted ones."""
    ordered = sorted(values, key=_by_size)
    if len(ordered) <= size:
        return tuple(ordered)
    if size < 2:
        return tuple(ordered[len(ordered) // 2 :][: max(size, 0)])
    return tuple(ordered[step * (len(ordered) - 1) // (size - 1)] for step in range(size))


def _by_size(value: str) -> tuple[float, str]:
    number = number_in(value)
    return (math.inf if number is None else number), value


def _by_hash(value: str) -> tuple[int, str]:
    return stable_hash(value), value
