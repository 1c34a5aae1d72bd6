"""Log sets: does the description fit, which level has the line.

DATA/logs/{SET}_{train,replay}.jsonl.gz  ->  tiers n-grams, n-grams + encoder; large: GPT-3.5

The tiers learn from the train rows; the population is the replay rows, which have the recorded
answers. The large model's answer is the one with retrieved error cases where there is one, else
the zero-shot one, as in `log_quality.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from guarantee_sets.population import Places, Population, group_numbers
from guarantee_sets.rows import Row, json_rows
from guarantee_sets.small_models import Answers, pair_tier, text_tier
from headgate.fitting.vectors import KnownVectors

LARGE_ANSWERS = ("ecr_top5", "ecr", "icl")

_VARIABLE = re.compile(r"0x[0-9a-fA-F]+|\d+")


def files(name: str) -> list[str]:
    """Return the files of a set, below the data folder."""
    return [f"logs/{name}_train.jsonl.gz", f"logs/{name}_replay.jsonl.gz"]


def load_pairs(data: Path, name: str, encoder: KnownVectors) -> Population:
    """Return a set of log lines with descriptions: 1 = it fits."""
    train, judged = (json_rows(data / file) for file in files(name))
    tiers = [
        pair_tier(_pairs(train), [bool(row["gold"]) for row in train], _pairs(judged), encoder=each)
        for each in (None, encoder)
    ]
    return _population(name, judged, tiers, labels=(0, 1))


def load_levels(data: Path, name: str, encoder: KnownVectors) -> Population:
    """Return a set of log lines with their level."""
    train, judged = (json_rows(data / file) for file in files(name))
    labels = tuple(sorted({row["gold"] for row in train}))
    tiers = [
        text_tier(
            [row["log"] for row in train],
            [labels.index(row["gold"]) for row in train],
            [row["log"] for row in judged],
            labels=len(labels),
            encoder=each,
        )
        for each in (None, encoder)
    ]
    return _population(name, judged, tiers, labels)


def _pairs(rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    return [row["log"] for row in rows], [row["description"] for row in rows]


def _population(
    name: str, rows: Sequence[Row], tiers: Sequence[Answers], labels: Sequence[object]
) -> Population:
    predicted = np.stack([tier.predicted for tier in tiers], axis=1)
    gold = _numbers([row["gold"] for row in rows], labels)
    large = _numbers([_large_answer(row) for row in rows], labels)
    return Population(
        name,
        scores=np.stack([tier.scores for tier in tiers], axis=1),
        predicted=predicted,
        correct=predicted == gold[:, None],
        agrees=predicted == large[:, None],
        large_correct=large == gold,
        groups=group_numbers([_VARIABLE.sub("#", row["log"]) for row in rows]),
    )


def _numbers(answers: Sequence[object], labels: Sequence[object]) -> Places:
    """Return the index of each answer; -1 for one outside the labels, which agrees with none."""
    return np.array([labels.index(each) if each in labels else -1 for each in answers])


def _large_answer(row: Row) -> object:
    key = next(key for key in LARGE_ANSWERS if key in row["llm"])
    return row["llm"][key]["label"]
