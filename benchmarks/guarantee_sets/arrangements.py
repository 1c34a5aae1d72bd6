"""How records of a population are handed over: as drawn, sorted, repeated, or drifting.

populations, rows wanted, trial  ->  rows drawn from them

Every draw is with replacement, so rows are independent of one another and their true risk is that
of the population; a batch is a finite set of its own, whatever it is made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from guarantee_sets.population import Floats, Places, Population, joined

Arrangement = Literal["drawn", "sorted", "duplicated", "drifted"]

MOST_COPIES = 20


def arranged(
    how: Arrangement,
    parts: Sequence[Population],
    rows: int,
    rng: np.random.Generator,
    *,
    trial: int,
) -> Population:
    """Return rows in an order.

    Args:
        how: `sorted`: by score, the bad ones first, or the bad ones last, in turn. `duplicated`:
            one to twenty rows of one group after another. `drifted`: one half of each of two
            parts.
        parts: One population, or two that drift.
        rows: How many to return.
        rng: Of the draw.
        trial: Its number.
    """
    match how:
        case "duplicated":
            # Twice as many as are needed on average: 10.5 rows a unit.
            return units(parts[0], rows // 5, rng)[0].take(np.arange(rows))
        case "drifted":
            halves = (rows // 2, rows - rows // 2)
            return joined("", [_drawn(p, n, rng) for p, n in zip(parts, halves, strict=True)])
        case "sorted":
            drawn = _drawn(parts[0], rows, rng)
            agrees = drawn.agrees[:, -1]
            key = (drawn.score, agrees, ~agrees)[trial % 3]
            return drawn.take(np.argsort(key, kind="stable"))
    return _drawn(parts[0], rows, rng)


def certification_rows(
    how: Arrangement, population: Population, rows: int, rng: np.random.Generator, *, trial: int
) -> Population:
    """Return rows that are independent of one another: of repeated ones, the first of each unit."""
    if how != "duplicated":
        return arranged(how, [population], rows, rng, trial=trial)
    repeated, firsts = units(population, rows, rng)
    return repeated.take(firsts)


def units(
    population: Population, count: int, rng: np.random.Generator
) -> tuple[Population, Places]:
    """Return units that arrive as several rows each, and the first row of each unit.

    A unit is a group, drawn with the same chance as any other; it arrives as 1 to 20 rows that are
    drawn from the group. Its rows are not independent of one another; units are.
    """
    order = np.argsort(population.groups, kind="stable")
    sizes = np.bincount(population.groups)
    starts = np.cumsum(sizes) - sizes
    drawn = rng.choice(np.flatnonzero(sizes), count)
    copies = rng.integers(1, MOST_COPIES + 1, count)
    group = np.repeat(drawn, copies)
    within = (rng.random(len(group)) * sizes[group]).astype(np.int64)
    firsts = np.cumsum(copies) - copies
    return population.take(order[starts[group] + within]), firsts


def chances(how: Arrangement, population: Population) -> Floats:
    """Return the chance that a certification row is this record, shape (n,), summing to 1."""
    if how != "duplicated":
        return np.full(len(population), 1 / len(population))
    sizes = np.bincount(population.groups)
    return 1 / (sizes[population.groups] * np.count_nonzero(sizes))


def _drawn(population: Population, rows: int, rng: np.random.Generator) -> Population:
    return population.take(rng.integers(len(population), size=rows))
