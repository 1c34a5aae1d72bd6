"""All that an evaluation has to say, as values that JSON and the page are written from.

Outcomes (n rows), certificate  ->  Report: policies, curves, areas, classes, slices, certificate
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from headgate.evaluation import wording
from headgate.evaluation.breakdown import (
    ClassRow,
    ScoreBin,
    SliceTable,
    per_class,
    per_slice,
    score_bins,
)
from headgate.evaluation.curves import (
    Curve,
    RiskPoint,
    aiq,
    apgr,
    area_under_cost_error,
    cpt,
    deferral_curve,
    delta_ibc,
    evenly,
    oracle_curve,
    risk_coverage,
    share_reaching,
)
from headgate.evaluation.outcomes import Loss, Outcomes
from headgate.evaluation.policies import Policy, Target, policies
from headgate.evaluation.rates import CONFIDENCE, Rate, gap
from headgate.pages.certificate import standing, statement
from headgate.pages.plain import JSON, plain_fields
from headgate.types import CertificateSummary

MOST_POINTS = 200
"""Of one curve."""
_RECOVERED = {"20%": 0.2, "50%": 0.5, "80%": 0.8, "95%": 0.95, "parity": 1.0}
_POINT = 0.01


@dataclass(frozen=True, slots=True)
class Subject:
    """What was evaluated, and with which risk in mind."""

    name: str
    """The cascade's."""
    revision: str
    epsilon: float
    """The risk that the compared thresholds are chosen for, between 0 and 1."""
    delta: float
    """The chance of being wrong that the policy `exact` may take, between 0 and 1."""
    recorded: bool
    """Whether the large model's answers are recorded ones."""
    priced: bool
    """Whether the costs mean anything; if not, they are None in the report."""


@dataclass(frozen=True, slots=True)
class Line:
    """A curve to draw: one value a point in each column."""

    share: tuple[float, ...]
    """Of rows sent to the large model, from 0 to 1."""
    accuracy: tuple[float, ...]
    cost_usd_per_1000: tuple[float, ...] | None
    """None when no price is known."""


@dataclass(frozen=True, slots=True)
class Areas:
    """Single figures of the score's curve and of the cascade; None where they have no meaning."""

    apgr: float | None
    oracle_apgr: float | None
    cpt: Mapping[str, float | None]
    """Smallest share of calls that recovers so much of the gap to the large model."""
    share_within_a_point: float | None
    """Smallest share of calls that comes within 0.01 of sending every row."""
    aiq: float | None
    area_under_cost_error: float | None
    delta_ibc: float | None
    """Of the cascade as deployed."""
    savings_at_parity: float | None
    """Part of the large model's cost alone that the policy `parity` does not spend."""


@dataclass(frozen=True, slots=True)
class Guarantee:
    """The certificate, in figures and in words."""

    certificate: CertificateSummary
    statement: str
    standing: str
    """How far it can be relied on now."""
    observed: Rate | None
    """Its loss on the evaluated rows; None when they cannot show it."""
    finding: str
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is said of one cascade on one set of rows; holds no record's text."""

    subject: Subject
    rows: int
    loss: Loss
    """What the compared thresholds bound."""
    confidence: float
    """Of each interval."""
    headline: str
    given_up: Rate
    """Accuracy of the large model alone minus the cascade's; negative when the cascade wins."""
    guarantee: Guarantee | None
    policies: tuple[Policy, ...]
    areas: Areas
    score_curve: Line
    oracle_curve: Line
    risk_coverage: tuple[RiskPoint, ...]
    score_bins: tuple[ScoreBin, ...]
    classes: tuple[ClassRow, ...]
    classes_left_out: int
    """Labels that are not listed, those with the fewest rows."""
    slices: tuple[SliceTable, ...]
    caveats: tuple[str, ...]

    def policy(self, name: str) -> Policy:
        """Return the policy of that name."""
        return next(policy for policy in self.policies if policy.name == name)

    def to_json(self) -> dict[str, JSON]:
        """Return the fields as JSON's own types, those of the subject among them."""
        rest = plain_fields(self)
        del rest["subject"]
        return {**plain_fields(self.subject), **rest}


def build_report(
    outcomes: Outcomes, subject: Subject, *, certificate: CertificateSummary | None
) -> Report:
    """Return the report of a cascade on labelled rows.

    Args:
        outcomes: Rows that nothing of the cascade was fitted on.
        subject: The cascade, and what its baselines are to reach.
        certificate: The gate's; None when it has none.
    """
    loss, priced = _loss(certificate), subject.priced
    rows = policies(outcomes, Target(loss, subject.epsilon, subject.delta), priced=priced)
    named = {policy.name: policy for policy in rows}
    given_up = gap(outcomes.large_right, outcomes.cascade_right)
    curve, oracle = deferral_curve(outcomes), oracle_curve(outcomes)
    classes, classes_left_out = per_class(outcomes)
    return Report(
        subject=subject,
        rows=len(outcomes),
        loss=loss,
        confidence=CONFIDENCE,
        headline=wording.headline(subject.name, named["cascade"], given_up),
        given_up=given_up,
        guarantee=_guarantee(certificate, named["cascade"], given_up),
        policies=rows,
        areas=_areas(curve, oracle, named),
        score_curve=_line(curve, priced=priced),
        oracle_curve=_line(oracle, priced=priced),
        risk_coverage=risk_coverage(outcomes, outcomes.loss(loss), MOST_POINTS),
        score_bins=score_bins(outcomes),
        classes=classes,
        classes_left_out=classes_left_out,
        slices=per_slice(outcomes),
        caveats=_caveats(outcomes, subject, loss),
    )


def _caveats(outcomes: Outcomes, subject: Subject, loss: Loss) -> tuple[str, ...]:
    return wording.caveats(
        loss,
        failed=int(outcomes.large_failed.sum()),
        recorded=subject.recorded,
        priced=subject.priced,
        groups=bool(outcomes.groups),
    )


def _loss(certificate: CertificateSummary | None) -> Loss:
    """Return the loss of thresholds to compare with: what the certificate bounds, or implies."""
    return "agree" if certificate is None or certificate.kind == "agree" else "regret"


def _guarantee(
    certificate: CertificateSummary | None, cascade: Policy, given_up: Rate
) -> Guarantee | None:
    if certificate is None:
        return None
    losses = {
        "agree": cascade.disagree,
        "regret": cascade.regret,
        "netgap": given_up,
        "selective": cascade.wrong_when_kept,
    }
    observed = losses.get(certificate.kind)
    if observed is not None and observed.value is None:  # of the kept rows, and none is kept
        observed = None
    return Guarantee(
        certificate=certificate,
        statement=statement(certificate),
        standing=standing(certificate),
        observed=observed,
        finding=wording.finding(certificate, observed) if observed else "",
        assumptions=wording.assumptions(certificate),
    )


def _areas(curve: Curve, oracle: Curve, named: Mapping[str, Policy]) -> Areas:
    cost = {name: policy.cost_usd_per_1000 for name, policy in named.items()}
    large_usd, priced = (cost["large_only"] or 0.0) / 1000, cost["large_only"] is not None
    small, large, cascade = (
        (cost[name] or 0.0, named[name].accuracy.value or 0.0)
        for name in ("small_only", "large_only", "cascade")
    )
    return Areas(
        apgr=apgr(curve),
        oracle_apgr=apgr(oracle),
        cpt={name: cpt(curve, recovered) for name, recovered in _RECOVERED.items()},
        share_within_a_point=share_reaching(curve, float(curve.quality[-1]) - _POINT),
        aiq=aiq(curve) if priced else None,
        area_under_cost_error=area_under_cost_error(curve, large_usd) if priced else None,
        delta_ibc=delta_ibc(small, large, cascade) if priced else None,
        savings_at_parity=named["parity"].saved,
    )


def _line(curve: Curve, *, priced: bool) -> Line:
    shown = evenly(len(curve.share), MOST_POINTS)
    costs = tuple((curve.cost_usd[shown] * 1000).tolist())
    return Line(
        tuple(curve.share[shown].tolist()),
        tuple(np.clip(curve.quality[shown], 0, 1).tolist()),
        costs if priced else None,
    )
