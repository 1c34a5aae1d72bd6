"""Which answers are checked after the reply, and what the checks say about the risk.

confidence  ->  propensity;  key, version, request id  ->  coin;  coin < propensity: an audit
rows of audits and escalations, number of requests  ->  risk with its interval, uniform sample
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import gamma

SPREAD = 0.08
"""How much the propensity grows with the standard deviation of an answer's loss."""
SUSPECT_FACTOR = 5.0
"""How many times more audits there are while scores drift."""


@dataclass(frozen=True, slots=True)
class AuditPlan:
    """How often answers of small models are checked."""

    share: float
    """Smallest propensity: every request has it, whatever its confidence. Above 0."""
    max_share: float
    """Largest propensity, at most 1."""

    def __post_init__(self) -> None:
        if not 0 < self.share <= self.max_share <= 1:
            raise ValueError(f"need 0 < share <= max_share <= 1, got {self!r}")

    def propensity(self, confidence: float, *, suspect: bool) -> float:
        """Return the chance with which the answer of a request is audited.

        Few audits tell most where the loss varies most, so the chance grows with the standard
        deviation of the loss that the confidence predicts. It never falls below `share`: what the
        small model is wrongly sure of can be found by nothing else.

        Args:
            confidence: Predicted chance that the answer is right; clipped to [0, 1].
            suspect: Scores drift; everything is audited five times as often.

        Returns:
            Between `share` and `max_share`.

        Raises:
            ValueError: `confidence` is not a number.
        """
        if math.isnan(confidence):
            raise ValueError("the confidence is not a number")
        wrong = min(max(1 - confidence, 0.0), 1.0)
        chance = min(self.share + SPREAD * math.sqrt(wrong * (1 - wrong)), self.max_share)
        return min(self.max_share, SUSPECT_FACTOR * chance) if suspect else chance


def audit_coin(key: bytes, version: str, request_id: str) -> float:
    """Return the number in [0, 1] that decides whether a request is audited.

    The same on every replica and on a retry, without shared state; not to be foreseen by callers,
    who choose the id but do not have the key.

    Args:
        key: Secret of the deployment.
        version: What answers: another version draws other requests.
        request_id: Of one record. A call with many records has an id for each.

    Returns:
        HMAC-SHA256 of `version|request_id`, its first 8 bytes read as a fraction.

    Raises:
        ValueError: The key is empty, so anyone could foresee the coin.
    """
    if not key:
        raise ValueError("the key of the audits is empty")
    digest = hmac.new(key, f"{version}|{request_id}".encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One request whose coin was drawn: audited, escalated, both, or neither."""

    record_id: str
    request_id: str
    version: str
    """What answered, and what the coin was drawn for."""
    score: float
    propensity: float
    """Chance of an audit when the coin was drawn, above 0; also of escalated requests."""
    coin: float
    loss: float | None
    """What the policy's answer costs: 0 or 1, or -1 to 1 for a net gap. None: not known; of a
    request that was drawn this means that its audit was skipped or failed."""
    escalated: bool
    """The large model answered anyway: the loss is known without an audit, 0 for the policy in
    force, and has propensity 1 in estimates."""

    def __post_init__(self) -> None:
        if not 0 < self.propensity <= 1:
            raise ValueError(f"a propensity lies in (0, 1], not at {self.propensity!r}")
        if not 0 <= self.coin <= 1:
            raise ValueError(f"a coin lies in [0, 1], not at {self.coin!r}")
        if math.isnan(self.score):
            raise ValueError("the score is not a number")
        if self.loss is not None and not -1 <= self.loss <= 1:
            raise ValueError(f"a loss lies in [-1, 1], not at {self.loss!r}")

    @property
    def drawn(self) -> bool:
        """Whether the coin asked for an audit."""
        return self.coin < self.propensity


def uniform_sample(rows: Sequence[AuditRow], share: float) -> list[AuditRow]:
    """Return the rows that are a uniform sample of all requests, in order.

    Nothing else may enter a certificate. Audits are frequent where the small model is unsure, so a
    binomial test on all of them understates the errors where it is sure. Escalated requests
    belong to the sample when their coin does; rows with an unknown loss are returned too, to be
    counted as bad.

    Args:
        rows: The audit log.
        share: Of the plan under which the coins were drawn, between 0 and 1.

    Raises:
        ValueError: `share` is outside (0, 1], or a row was drawn with less.
    """
    if not 0 < share <= 1:
        raise ValueError(f"a share lies in (0, 1], not at {share!r}")
    if any(row.propensity < share for row in rows):
        raise ValueError(f"a row was drawn with less than the share {share!r}")
    return [row for row in rows if row.coin < share]


@dataclass(frozen=True, slots=True)
class RiskEstimate:
    """What audits say about the mean loss over all requests."""

    risk: float | None
    """Rows without an outcome count like the mean of the others; None when no audit has one, and
    then the bounds say nothing either."""
    low: float
    """Lower end of the interval, with missing outcomes counted as harmless."""
    high: float
    """Upper end of the interval, with missing outcomes counted as errors."""
    effective_n: float
    """As many equally weighted rows would say as much (Kish)."""
    missing: int
    """Rows whose loss should be known and is not."""


def weighted_risk(
    rows: Sequence[AuditRow], requests: int, *, signed: bool = False, confidence: float = 0.95
) -> RiskEstimate:
    """Return the mean loss over all requests, for dashboards and plans, not for certificates.

    Each audited loss counts for 1 / propensity requests (Horvitz and Thompson). The interval is
    the gamma interval of a weighted sum of Poisson counts: unlike a normal one it has a width
    when no error was seen. It covers at least as often as asked in simulations, which is no proof.
    A policy in shadow is estimated from the same rows with `loss` set to what it would have cost.

    Args:
        rows: Audits and escalations, in any order. Requests that were neither add nothing and may
            be left out; a loss that came without a draw is not used.
        requests: How many requests the rows come from, all included.
        signed: Losses are from -1 to 1, not from 0 to 1.
        confidence: Of the two-sided interval, between 0 and 1.

    Raises:
        ValueError: There are fewer requests than rows or none, a loss is negative without
            `signed`, or `confidence` is not between 0 and 1.

    Source:
        Fay and Feuer 1997, Statistics in Medicine 16, 791-801. A signed risk is the difference of
        two sums, each at half the error.
    """
    if requests < max(len(rows), 1):
        raise ValueError(f"{len(rows)} rows cannot come from {requests} requests")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not at {confidence!r}")
    if not signed and any(row.loss is not None and row.loss < 0 for row in rows):
        raise ValueError("a loss is negative, but the losses are said not to be signed")
    audited = _outcomes([row for row in rows if row.drawn and not row.escalated], requests)
    escalated = _outcomes([row for row in rows if row.escalated], requests)
    both = _Outcomes(
        np.concatenate([audited.losses, escalated.losses]),
        np.concatenate([audited.weights, escalated.weights]),
    )
    least, most = -1.0 if signed else 0.0, 1.0
    missing = int(both.missing.sum())
    if audited.missing.all():
        return RiskEstimate(None, least, most, both.effective_n(), missing)
    low, high = both.interval(1 - confidence, signed=signed)
    risk = audited.total() + escalated.total()
    return RiskEstimate(risk, max(low, least), min(high, most), both.effective_n(), missing)


@dataclass(frozen=True, slots=True)
class _Outcomes:
    """Losses (n,), NaN where missing, and the share of all requests (n,) each row stands for."""

    losses: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def missing(self) -> NDArray[np.bool_]:
        return np.isnan(self.losses)

    def effective_n(self) -> float:
        known = self.weights[~self.missing]
        return float(known.sum() ** 2 / np.sum(known**2)) if len(known) else 0.0

    def total(self) -> float:
        """Return the weighted sum, with the known rows standing in for the missing ones."""
        known = ~self.missing
        if not known.any():
            return 0.0
        stand_in = self.weights.sum() / self.weights[known].sum()
        return float(stand_in * (self.losses[known] @ self.weights[known]))

    def interval(self, error: float, *, signed: bool) -> tuple[float, float]:
        """Return the interval of the sum, not yet clipped to the range of a risk."""
        tail = error / 4 if signed else error / 2
        largest = float(self.weights.max())
        low = _gamma_low(self._terms(1, missing=0.0), tail)
        high = _gamma_high(self._terms(1, missing=1.0), largest, tail)
        if not signed:
            return low, high
        gain_low = _gamma_low(self._terms(-1, missing=0.0), tail)
        gain_high = _gamma_high(self._terms(-1, missing=1.0), largest, tail)
        return low - gain_high, high - gain_low

    def _terms(self, sign: int, *, missing: float) -> NDArray[np.float64]:
        """Return the weighted losses of one sign (n,), as positive numbers."""
        filled = np.where(self.missing, missing, sign * self.losses)
        return np.clip(filled, 0.0, None) * self.weights


def _outcomes(rows: Sequence[AuditRow], requests: int) -> _Outcomes:
    losses = [math.nan if row.loss is None else row.loss for row in rows]
    weights = [(1.0 if row.escalated else 1 / row.propensity) / requests for row in rows]
    return _Outcomes(np.array(losses, dtype=np.float64), np.array(weights, dtype=np.float64))


def _gamma_low(terms: NDArray[np.float64], tail: float) -> float:
    total, variance = float(terms.sum()), float(np.sum(terms**2))
    if total == 0:
        return 0.0
    return float(gamma.ppf(tail, total**2 / variance, scale=variance / total))


def _gamma_high(terms: NDArray[np.float64], largest: float, tail: float) -> float:
    # One more error of the largest weight: it may be there and was not seen.
    total, variance = float(terms.sum()) + largest, float(np.sum(terms**2)) + largest**2
    return float(gamma.ppf(1 - tail, total**2 / variance, scale=variance / total))
