"""A cascade whose certificate is watched: fitted on made-up levels, and of hand-made models.

folder -> cascade.yaml, answers.jsonl -> fit -> LoadedCascade with a certificate and audits
certificate, tiny engine -> Watched;  numbers -> Decision, as a gateway logs it
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fakes.made_up_logs import GATED, Row, apart, flipped, make_cascade, read_rows, record
from headgate.artifact import Artifact, ArtifactWriter
from headgate.cascade.decision_log import Decision
from headgate.cascade.fitted import KIND, REFERENCE_SCORES
from headgate.cascade.load import LoadedCascade
from headgate.fitting.fit import fit_cascade
from headgate.gate.audit import AuditPlan
from headgate.gate.watch import WatchSettings
from headgate.serving.watcher import Assignment
from headgate.types import Record

EPSILON = 0.1
SERVED = range(400, 460)
"""Rows that the cascade was not fitted on; the large model's answers to them are recorded."""
ISSUED = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
CERTIFICATE_ID = "0123456789ab"


def deferral(kind: str = "agree", *, audits: str = "{share: 0.5, max_share: 1.0}") -> str:
    """Return what the file says of its gate; with an empty text no audits are asked for."""
    stated = f"certificate: {{kind: {kind}, epsilon: {EPSILON}}}"
    return f"{{score: max_prob, {stated}{f', audits: {audits}' if audits else ''}}}"


def fit_watched(folder: Path, stated: str = "", *, development: int = 80) -> LoadedCascade:
    """Return a fitted cascade "made_up" whose small and large models are always right.

    Args:
        folder: Where to.
        stated: What the file says of its gate; `deferral()` when empty.
        development: How many rows certify; 29 prove an epsilon of 0.1, fewer do not.
    """
    loaded = make_cascade(folder, "level", **GATED, deferral=stated or deferral())
    numbers = (range(90), range(200, 200 + development), SERVED)
    train, certify, served = (apart("level", each) for each in numbers)
    record(loaded, {row["id"]: row["label"] for row in [*train, *certify, *served]})
    fit_cascade(loaded, read_rows(loaded, train, certify), issued=ISSUED)
    return loaded


def rescored(loaded: LoadedCascade, folder: Path, scores: Any) -> LoadedCascade:
    """Return the cascade with an artifact that has other reference scores; None leaves them out."""
    artifact = Artifact.open(loaded.artifact, kind=KIND)
    with ArtifactWriter(folder / "rescored") as writer:
        for name in artifact.manifest.files:
            if name != REFERENCE_SCORES:
                shutil.copyfile(artifact.path(name), writer.path(name))
        if scores is not None:
            writer.write_json(REFERENCE_SCORES, scores)
        writer.finish(KIND, artifact.facts)
    return replace(loaded, artifact=str(folder / "rescored"))


def contradict(loaded: LoadedCascade) -> None:
    """Let the large model say the opposite about the rows that are served, from its next start."""
    record(loaded, {row["id"]: flipped(row)["label"] for row in apart("level", SERVED)})


def served_rows(count: int) -> list[Row]:
    """Return the first rows to be served, with their labels."""
    return apart("level", SERVED[:count])


def served_records(count: int) -> list[Record]:
    """Return the first rows to be served as records."""
    return [Record(row["id"], {"log": row["log"]}) for row in served_rows(count)]


def settings(**changes: Any) -> WatchSettings:
    """Return what is watched: everything is audited, and few errors are an alarm."""
    fields: dict[str, Any] = {
        "certificate_id": CERTIFICATE_ID,
        "risk_epsilon": 0.02,
        "risk_alpha": 0.01,
        "score_alpha": 1e-6,
        "score_drift": True,
        "audits": AuditPlan(1.0, 1.0),
        "selective": False,
    }
    return WatchSettings(**(fields | changes))


def assignment(**changes: Any) -> Assignment:
    """Return the settings with the scores of 100 rows, from 0.5 to 1."""
    return Assignment(settings(**changes), [0.5 + place / 200 for place in range(100)])


def decision(number: int = 0, **changes: Any) -> Decision:
    """Return an audited record that a gate kept."""
    fields: dict[str, Any] = {
        "request_id": "call-1",
        "record_id": f"r{number}",
        "certificate_id": CERTIFICATE_ID,
        "at": 1000.0 + number,
        "score": 0.75,
        "small_answer": "disk",
        "reference": None,
        "kept": True,
        "propensity": 1.0,
        "coin": 0.5,
        "unit": f"unit-{number}",
    }
    return Decision(**(fields | changes))


async def until(true: Callable[[], bool], *, within_s: float = 10.0) -> None:
    """Return once something has become true."""
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.005)
