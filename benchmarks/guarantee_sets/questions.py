"""Questions that need several steps: the model's own memory first, then the tree.

DATA/questions/hotpotqa_replay.jsonl.gz  ->  tier: the closed-book answer of the whole question;
                                             large: the tree's answer

Both were recorded of one model; the small tier is one call, the large one the whole tree. The
score is the answer's mean log-probability. An answer is right when it equals a gold answer after
HotpotQA's normalisation (exact match); two answers agree when they are equal after it.
"""

from __future__ import annotations

import re
import string
from pathlib import Path

import numpy as np

from guarantee_sets.population import Population, group_numbers
from guarantee_sets.rows import json_rows

FILES = ("questions/hotpotqa_replay.jsonl.gz",)

_ARTICLE = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def load(data: Path, name: str) -> Population:
    """Return the questions; the root of a recorded tree is its last node."""
    rows = json_rows(data / FILES[0])
    roots = [row["recorded"]["tree"][-1] for row in rows]
    small = [normal(root["cb_answer"][0]) for root in roots]
    large = [normal(root["answer"][0]) for root in roots]
    gold = [{normal(answer) for answer in row["gold_answers"]} for row in rows]
    agrees = np.array([one == other for one, other in zip(small, large, strict=True)])
    return Population(
        name,
        scores=np.array([[root["cb_answer"][1]] for root in roots]),
        predicted=np.zeros((len(rows), 1), np.int64),
        correct=np.array([[each in right] for each, right in zip(small, gold, strict=True)]),
        agrees=agrees[:, None],
        large_correct=np.array([each in right for each, right in zip(large, gold, strict=True)]),
        groups=group_numbers([row["id"] for row in rows]),
    )


def normal(answer: str) -> str:
    """Return an answer as HotpotQA compares it: no case, punctuation, articles, extra blanks."""
    bare = answer.lower().translate(_NO_PUNCTUATION)
    return " ".join(_ARTICLE.sub(" ", bare).split())
