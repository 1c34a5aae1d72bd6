"""Gates within a budget: thresholds that keep a share of large-model calls, proving no quality.

predictions of each stage on development rows, a stated share -> FittedGate by name
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headgate.cascade.deferral import DeferralSpec
from headgate.cascade.fitted import FittedGate
from headgate.cascade.spec import GateSpec
from headgate.fitting.evidence import Evidence, Mask
from headgate.gate.scores import ScoreKind
from headgate.gate.threshold import (
    KEEP_NOTHING,
    Gate,
    threshold_for_share,
    threshold_not_worse,
)


def score_within_budget(deferral: DeferralSpec) -> ScoreKind:
    """Return the score of gates that no certificate chooses; a head would need more labels."""
    asked = deferral.score
    return "max_prob" if asked == "auto" or asked == "head" else asked  # noqa: PLR1714 - narrows


def gates_within_budget(evidence: Evidence) -> dict[str, FittedGate]:
    """Return the gates in order, each set on the development rows that reach it."""
    score = score_within_budget(evidence.loaded.spec.deferral)
    reached = np.ones(len(evidence.rows), bool)
    fitted = {}
    for gate in evidence.gates:
        scores = Gate(score, 0.0).raw_scores(evidence.table(gate.of), evidence.second_table)
        threshold = _threshold(evidence, gate, scores, reached)
        fitted[gate.name] = FittedGate(score=score, threshold=threshold)
        reached &= scores < threshold
    return fitted


def _threshold(
    evidence: Evidence, gate: GateSpec, scores: NDArray[np.float64], reached: Mask
) -> float:
    """Return a gate's threshold: by quality before a small model, by budget before the large.

    Args:
        evidence: Development rows.
        gate: One gate of the flow.
        scores: Shape (rows,), of the stage before it.
        reached: Shape (rows,), the rows that no earlier gate keeps.
    """
    names = [stage.name for stage in evidence.stages]
    later = names[names.index(gate.of) + 1 :]
    if not later:
        # The budget is a share of all records: those kept earlier count as never sent.
        share = evidence.loaded.spec.deferral.share
        return threshold_for_share(np.where(reached, scores, KEEP_NOTHING), share)
    own, following = evidence.right(gate.of), evidence.right(later[0])
    return threshold_not_worse(scores[reached], own[reached], following[reached])
