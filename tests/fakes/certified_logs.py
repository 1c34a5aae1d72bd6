"""Fits with a certificate on made-up logs, and what serves them afterwards.

deferral, models, flow -> cascade with recorded answers, rows -> fit -> Fitted -> Engine -> results
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fakes.made_up_logs import GATED, Row, apart, doubtful, make_cascade, read_rows, record
from headgate.cascade.fitted import Fitted, read_fitted
from headgate.cascade.load import LoadedCascade
from headgate.cascade.open import open_engine
from headgate.domains.rows import LabelledRecord
from headgate.fitting.fit import Rows, fit_cascade
from headgate.types import Deadline, Result

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
AGREE = "certificate: {kind: agree, epsilon: 0.1}"
FIXED = f"score: max_prob, {AGREE}"
"""With a score that no row tunes."""


def train() -> list[Row]:
    """Return training rows of both sorts, see `development`."""
    return [*apart("level", range(120)), *doubtful(range(1000, 1040))]


def development(clear: int = 120, unclear: int = 60) -> list[Row]:
    """Return rows that a small model can tell apart, and rows that it cannot."""
    return [*apart("level", range(200, 200 + clear)), *doubtful(range(2000, 2000 + unclear))]


def large_answers(lines: Sequence[Row]) -> dict[str, str]:
    """Return what the large model says: the label, but for every ninth row the other one."""
    other = {"info": "error", "error": "info"}
    return {
        row["id"]: other[row["label"]] if place % 9 == 8 else row["label"]
        for place, row in enumerate(lines)
    }


def prepared(
    folder: Path,
    deferral: str,
    parts: Mapping[str, Any] = GATED,
    lines: Sequence[Row] | None = None,
) -> tuple[LoadedCascade, Rows]:
    """Return a cascade with recorded answers, and the rows of its fit."""
    lines = development() if lines is None else lines
    loaded = make_cascade(folder, "level", **parts, deferral=f"{{{deferral}}}")
    record(loaded, large_answers(lines))
    return loaded, read_rows(loaded, train(), lines)


def fit(loaded: LoadedCascade, labelled: Rows, **keywords: Any) -> Fitted:
    """Fit at noon."""
    return read_fitted(fit_cascade(loaded, labelled, issued=NOON, **keywords), loaded.spec)


def run(loaded: LoadedCascade, labelled: Sequence[LabelledRecord]) -> list[Result]:
    """Return what the engine says of labelled rows, all in one call."""
    engine = open_engine(loaded, {})
    return asyncio.run(engine.run([row.record for row in labelled], Deadline.after(60)))


def scores(results: Sequence[Result]) -> NDArray[np.float64]:
    """Return what the first gate compared of each record, shape (n,)."""
    gated = [next(step for step in each.path if step.kind == "gate") for each in results]
    return np.array([step.score for step in gated])
