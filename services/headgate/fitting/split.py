"""Parts labelled rows into training and development rows that share no template and no table.

rows (n) -> groups of rows whose logs differ only in numbers, or of one table -> train, development
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from headgate.domains.rows import LabelledRecord, template_of
from headgate.domains.tasks import content_of

DEVELOPMENT_SHARE = 0.25


def split_rows(
    rows: Sequence[LabelledRecord], seed: int
) -> tuple[list[LabelledRecord], list[LabelledRecord]]:
    """Return training and development rows, about three to one.

    Rows whose logs differ only in numbers stay together, as do columns of one table, so that a
    development row is never one the model has as good as seen. A group goes to the development
    rows when that brings them nearer to a quarter, so one large group is for training.
    """
    groups: dict[str, list[LabelledRecord]] = defaultdict(list)
    for row in rows:
        groups[template_of(row)].append(row)
    keys = sorted(groups)
    wanted = DEVELOPMENT_SHARE * len(rows)
    train: list[LabelledRecord] = []
    development: list[LabelledRecord] = []
    # Numbers and not the keys: an array of texts drops trailing NULs and pads to the longest.
    for number in np.random.default_rng(seed).permutation(len(keys)).tolist():
        group = groups[keys[number]]
        nearer = len(development) + len(group) / 2 < wanted
        (development if nearer else train).extend(group)
    return train, development


def without_seen(
    development: Sequence[LabelledRecord], train: Sequence[LabelledRecord]
) -> list[LabelledRecord]:
    """Return the development rows that are not training rows as well, text for text.

    The order of a row's candidates makes no difference. A column of a table is another row when it
    is asked about against another target.
    """
    seen = {_content(row) for row in train}
    return [row for row in development if _content(row) not in seen]


def _content(row: LabelledRecord) -> tuple[str, ...]:
    fields, choices = content_of(row.record)
    return (*fields.values(), *sorted(text for _, text in choices))
