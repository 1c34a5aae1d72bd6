"""Short political statements: is it fake.

DATA/news/liar_train.csv.gz, liar_advice_{train,test}.jsonl.gz
  ->  tiers n-grams, n-grams + encoder; large: the mean of two recorded perspectives

The tiers learn from the statements of the training file that are not judged, and from nothing
but the statement: the counts in the `*_c` columns include the verdict itself. The large model may
have read some statements before, so its accuracy is optimistic; what is certified is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from guarantee_sets.population import Population, group_numbers
from guarantee_sets.rows import Row, csv_rows, json_rows
from guarantee_sets.small_models import text_tier
from headgate.fitting.vectors import KnownVectors

FILES = (
    "news/liar_train.csv.gz",
    "news/liar_advice_train.jsonl.gz",
    "news/liar_advice_test.jsonl.gz",
)
FAKE = ("pants-fire", "false", "barely-true")


def load(data: Path, name: str, encoder: KnownVectors) -> Population:
    """Return the statements that have recorded perspectives: 1 = fake."""
    judged = [*json_rows(data / FILES[1]), *json_rows(data / FILES[2])]
    statements = [row["statement"] for row in judged]
    train = _unseen(csv_rows(data / FILES[0]), statements)
    tiers = [
        text_tier(
            [row["statement"] for row in train],
            [int(row["label"] in FAKE) for row in train],
            statements,
            labels=2,
            encoder=each,
        )
        for each in (None, encoder)
    ]
    gold = np.array([row["fake"] for row in judged])
    large = np.array([_large_answer(row) for row in judged])
    predicted = np.stack([tier.predicted for tier in tiers], axis=1)
    return Population(
        name,
        scores=np.stack([tier.scores for tier in tiers], axis=1),
        predicted=predicted,
        correct=predicted == gold[:, None],
        agrees=predicted == large[:, None],
        large_correct=large == gold,
        groups=group_numbers(statements),
    )


def _unseen(rows: Sequence[Row], statements: Sequence[str]) -> list[Row]:
    judged = {_normal(each) for each in statements}
    return [row for row in rows if _normal(row["statement"]) not in judged]


def _normal(statement: str) -> str:
    return " ".join(statement.lower().split())


def _large_answer(row: Row) -> int:
    return int(np.mean([each["p_fake"] for each in row["advice"].values()]) >= 0.5)
