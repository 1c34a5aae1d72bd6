"""Parts labelled rows into training and development rows that share no template.

rows (n) -> groups of rows whose logs differ only in numbers -> train, development
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from headgate.domains.log_rows import LabelledRecord

DEVELOPMENT_SHARE = 0.25

_VARIABLE = re.compile(r"0x[0-9a-fA-F]+|\d+")


def split_rows(
    rows: Sequence[LabelledRecord], seed: int
) -> tuple[list[LabelledRecord], list[LabelledRecord]]:
    """Return training and development rows, about three to one.

    Rows whose logs differ only in numbers stay together, so that a development row is never one
    the model has as good as seen.
    """
    groups: dict[str, list[LabelledRecord]] = defaultdict(list)
    for row in rows:
        groups[template_of(row)].append(row)
    order = np.random.default_rng(seed).permutation(sorted(groups))
    train: list[LabelledRecord] = []
    development: list[LabelledRecord] = []
    for key in order.tolist():
        small = len(development) < DEVELOPMENT_SHARE * len(rows)
        (development if small else train).extend(groups[key])
    return train, development


def template_of(row: LabelledRecord) -> str:
    """Return the log's text with its numbers masked."""
    return _VARIABLE.sub("#", next(iter(row.record.fields.values())))


def without_seen(
    development: Sequence[LabelledRecord], train: Sequence[LabelledRecord]
) -> list[LabelledRecord]:
    """Return the development rows that are not training rows as well, text for text."""
    seen = {_content(row) for row in train}
    return [row for row in development if _content(row) not in seen]


def _content(row: LabelledRecord) -> tuple[str, ...]:
    texts = [candidate.text for candidate in row.record.candidates]
    return (*row.record.fields.values(), *texts)
