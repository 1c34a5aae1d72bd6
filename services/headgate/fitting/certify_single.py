"""Certifies one gate with one score that no certification row had a part in.

Evidence -> score -> thresholds of several epsilons, or the budget's -> Proven
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from headgate.cascade.deferral import CertificateSpec
from headgate.cascade.fitted import FittedGate, FittedRung
from headgate.fitting.evidence import Evidence, Mask
from headgate.fitting.proven import LADDER, TIGHTER, Proven, too_few
from headgate.fitting.score import choose_score, fitted_head, halfway
from headgate.gate.bounds import risk_upper_bound
from headgate.gate.stream import Rung, certify_threshold, expectation_threshold
from headgate.gate.threshold import KEEP_NOTHING, Gate, threshold_for_share

EXPECTED = "the mode 'expectation' bounds the average over label draws, and certifies nothing"


def one_threshold(evidence: Evidence, spec: CertificateSpec, seed: int) -> Proven:
    """Certify the most liberal threshold for an epsilon, on all certification rows."""
    gate = choose_score(evidence, spec, seed)
    own = evidence.units.certify
    scores = _scores(evidence, gate)[own]
    bad = evidence.bad(spec.kind)[own]
    rungs = _rungs(scores, bad, spec)
    wanted = rungs[stated_epsilon(spec)]
    reason = too_few(len(bad)) if wanted is None else _reason(spec)
    return Proven(
        {evidence.last_gate.name: _fitted(gate, wanted, rungs, spec)},
        stated_epsilon(spec),
        not reason,
        len(bad),
        wanted.bad if wanted else 0,
        wanted.p_value if wanted else 1.0,
        reason,
    )


def stated_epsilon(spec: CertificateSpec) -> float:
    """Return the epsilon of a certificate that has one."""
    if spec.epsilon is None:
        raise ValueError("the certificate states no epsilon. This is a bug.")
    return spec.epsilon


def _reason(spec: CertificateSpec) -> str:
    return EXPECTED if spec.mode == "expectation" else ""


def _scores(evidence: Evidence, gate: Gate) -> NDArray[np.float64]:
    return gate.raw_scores(evidence.table(evidence.last_gate.of), evidence.second_table)


def _rungs(
    scores: NDArray[np.float64], bad: Mask, spec: CertificateSpec
) -> dict[float, Rung | None]:
    """Return the threshold of each epsilon that somebody may ask about, in order."""
    own = stated_epsilon(spec)
    return {each: _rung(scores, bad, spec, each) for each in sorted({*LADDER, own, own / TIGHTER})}


def _rung(
    scores: NDArray[np.float64], bad: Mask, spec: CertificateSpec, epsilon: float
) -> Rung | None:
    if spec.mode == "expectation" and epsilon == spec.epsilon:
        rung = expectation_threshold(scores, bad, epsilon=epsilon)
    else:
        rung = certify_threshold(scores, bad, epsilon=epsilon, delta=spec.delta)
    return rung and replace(rung, threshold=halfway(scores, rung.threshold))


def _fitted(
    gate: Gate, wanted: Rung | None, rungs: Mapping[float, Rung | None], spec: CertificateSpec
) -> FittedGate:
    own = stated_epsilon(spec)
    ladder = tuple(
        FittedRung(
            epsilon=epsilon,
            certified=rung is not None and (spec.mode, epsilon) != ("expectation", own),
            threshold=_threshold(rung),
        )
        for epsilon, rung in rungs.items()
    )
    return FittedGate(
        score=gate.score,
        threshold=_threshold(wanted),
        tightened=_threshold(rungs[own / TIGHTER]),
        head=fitted_head(gate),
        ladder=ladder,
    )


def _threshold(rung: Rung | None) -> float:
    return rung.threshold if rung else KEEP_NOTHING


def within_budget(evidence: Evidence, spec: CertificateSpec, seed: int) -> Proven:
    """Set the threshold by the budget on tuning rows; certification rows say what risk is sure.

    Choosing it on certification rows would void what they say.
    """
    gate = choose_score(evidence, spec, seed)
    scores = _scores(evidence, gate)
    own = evidence.units.certify
    share = evidence.loaded.spec.deferral.share
    threshold = threshold_for_share(scores[evidence.units.tune], share)
    kept = scores[own] >= threshold
    bad = kept & _bad(evidence, spec)[own]
    rows = int(kept.sum()) if spec.kind == "selective" else len(bad)
    epsilon = risk_upper_bound(int(bad.sum()), rows, spec.delta)
    certified = epsilon < 1
    fitted = FittedGate(score=gate.score, threshold=threshold, head=fitted_head(gate))
    return Proven(
        {evidence.last_gate.name: fitted},
        epsilon,
        certified,
        rows,
        int(bad.sum()),
        spec.delta if certified else 1.0,
        "" if certified else too_few(rows),
    )


def _bad(evidence: Evidence, spec: CertificateSpec) -> Mask:
    """Return where keeping the answer is a loss, shape (n,)."""
    if spec.kind == "selective":
        return ~evidence.right(evidence.last_gate.of)
    return evidence.bad(spec.kind)
