"""Fits the small model that matches columns, on tables whose matches are known.

labelled columns -> by table: features of all pairs, right pairs -> Matcher
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from headgate.domains.rows import LabelledRecord
from headgate.domains.schemas.match_record import ColumnRecord
from headgate.models.matcher import LabelledColumns, Matcher, fit_matcher
from headgate.stages.candidates import FEATURES, Candidates


def train_matcher(stage: Candidates, rows: Sequence[LabelledRecord]) -> Matcher:
    """Return the matcher of training columns; the default, which needs no labels, without any.

    Args:
        stage: Says what is known of a pair; what its own matcher is makes no difference.
        rows: Columns of any tables.
    """
    groups: dict[str, list[tuple[ColumnRecord, LabelledRecord]]] = defaultdict(list)
    for row in rows:
        if isinstance(row.record, ColumnRecord):
            groups[row.record.target.content_hash].append((row.record, row))
    if not groups:
        return Matcher.default(len(FEATURES))
    return asyncio.run(_train(stage, list(groups.values())))


async def _train(
    stage: Candidates, groups: Sequence[Sequence[tuple[ColumnRecord, LabelledRecord]]]
) -> Matcher:
    labelled = []
    for group in groups:
        target = group[0][0].target
        features = await stage.features([record.column for record, _ in group], target)
        right = [[row.accepts(own) for own in target.ids] for _, row in group]
        shape = (len(group), len(target.ids))
        lookalikes = np.array([record.lookalikes for record, _ in group])
        labelled.append(LabelledColumns(features, np.array(right, bool).reshape(shape), lookalikes))
    return fit_matcher(labelled)
