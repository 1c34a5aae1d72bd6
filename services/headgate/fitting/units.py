"""Parts development rows into those that tune and those that certify.

rows (n) -> groups of one template, or of one table -> tune (n,) bool, certify (n,) bool, disjoint

A group is in one part only. Of certification rows of a group that differ only in numbers one is
taken, such as numbered columns of numbers: copies are not independent, and a certificate counts
independent units.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headgate.domains.rows import LabelledRecord, template_of, unit_of


@dataclass(frozen=True, slots=True)
class Units:
    """Which development rows do what; a copy of a certification row does neither."""

    tune: NDArray[np.bool_]
    """Shape (n,)."""
    certify: NDArray[np.bool_]
    """Shape (n,)."""


def part_units(rows: Sequence[LabelledRecord], tune_share: float, seed: int) -> Units:
    """Return tuning and certification rows.

    Args:
        rows: Development rows.
        tune_share: Share of the rows that tune, between 0 and 1; 0 leaves all to certification.
        seed: Of the draw of groups, and of the copy that stands for its unit.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        groups[template_of(row)].append(place)
    keys = sorted(groups)
    tune, certify = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    draw = np.random.default_rng(seed)
    for number in draw.permutation(len(keys)).tolist():
        places = groups[keys[number]]
        if tune.sum() + len(places) / 2 < tune_share * len(rows):
            tune[places] = True
        else:
            certify[_one_a_unit(rows, places, draw)] = True
    return Units(tune, certify)


def _one_a_unit(
    rows: Sequence[LabelledRecord], places: Sequence[int], draw: np.random.Generator
) -> list[int]:
    """Return one place, drawn uniformly, for all rows of one group that are copies."""
    units: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place in places:
        units[unit_of(rows[place].record)].append(place)
    return [copies[int(draw.integers(len(copies)))] for copies in units.values()]
