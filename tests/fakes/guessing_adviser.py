"""Advice that knows nothing: the sample's rationales, each with a probability drawn at random.

recordings.jsonl -> the same answers, other probabilities
"""

from __future__ import annotations

import json
import random
from pathlib import Path


def make_guess(recordings: Path, seed: int) -> None:
    """Write another probability into each recorded answer, whatever the text says."""
    chance = random.Random(seed)  # noqa: S311 - a fixture
    rows = [json.loads(line) for line in recordings.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        said = {**json.loads(row["answer"]), "probability": round(chance.random(), 2)}
        row["answer"] = json.dumps(said)
    recordings.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
