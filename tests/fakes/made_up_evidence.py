"""Development rows with what every model said of them, all of it made up.

sayings of a small model (n), of the large one (n), labels (n)  ->  Evidence of a loaded cascade
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fakes.made_up_logs import LABELS, spelled
from headgate.cascade.load import LoadedCascade
from headgate.domains.rows import LabelledRecord
from headgate.fitting.evidence import Evidence
from headgate.fitting.units import Units
from headgate.types import Prediction, Record

USUAL, RARE = LABELS["level"]
"""The labels of a made-up cascade of levels: "info" and "error"."""
RIGHT, WRONG = USUAL, RARE
"""Where every label is the usual one."""


def says(answer: str, confidence: float) -> Prediction:
    """Return a prediction of levels with that answer and its probability."""
    options = tuple(LABELS["level"])
    other = 1 - confidence
    return Prediction(options, tuple(confidence if each == answer else other for each in options))


def steps(count: int, high: float = 0.99, low: float = 0.6) -> list[float]:
    """Return so many confidences, from the highest to the lowest, all different."""
    return np.linspace(high, low, count).tolist()


@dataclass(frozen=True, slots=True)
class Sayings:
    """What was said of each row; every label is the usual one unless told otherwise."""

    small: Mapping[str, Sequence[Prediction]]
    """By stage."""
    large: Sequence[str | None] = ()
    """Right everywhere when left out."""
    labels: Sequence[str] = ()
    tune: int = 0
    """How many of the rows tune: the first ones."""
    second: Sequence[Prediction] | None = None
    idle: Sequence[int] = field(default=())
    """Places of rows that neither tune nor certify."""


def evidence(loaded: LoadedCascade, said: Sayings) -> Evidence:
    """Return the rows of a cascade of levels."""
    count = len(next(iter(said.small.values())))
    labels = said.labels or [USUAL] * count
    rows = [
        LabelledRecord(Record(f"r{place}", {"log": f"line {spelled(place)}"}), label)
        for place, label in enumerate(labels)
    ]
    tune = np.arange(count) < said.tune
    certify = ~tune
    certify[list(said.idle)] = False
    large = said.large or labels
    return Evidence(loaded, rows, Units(tune, certify), said.small, said.second, large)
