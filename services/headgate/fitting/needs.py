"""What a fit needs for the certificate that the file asks for.

spec of the file -> can its tiers be planned? are tuning rows needed? is the large model asked?
"""

from __future__ import annotations

from headgate.cascade.deferral import DeferralSpec
from headgate.cascade.spec import CascadeSpec, RetrieveSpec
from headgate.errors import InputError
from headgate.gate.head import MIN_ROWS
from headgate.gate.tier_rows import MAX_TIERS
from headgate.gate.tiers import TUNE_SHARE


def refuse_many_tiers(spec: CascadeSpec) -> None:
    """Refuse a certificate of more tiers than can be planned, before anything is paid for.

    Raises:
        InputError: There are more, and a certificate is asked for.
    """
    tiers = len(spec.answering)
    if spec.deferral.certificate is not None and tiers > MAX_TIERS:
        raise InputError(
            "spec.flow",
            f"{tiers} classify stages cannot be certified together",
            f"Use at most {MAX_TIERS}, or no certificate.",
        )


def asks_reference(deferral: DeferralSpec) -> bool:
    """Return whether the certificate's loss, or what audits will see, reads the large model."""
    certificate = deferral.certificate
    if certificate is None:
        return False
    return certificate.kind in ("agree", "regret", "netgap") or deferral.audits is not None


def needs_tuning(spec: CascadeSpec, rows: int) -> bool:
    """Return whether some development rows must tune, and so cannot certify.

    One small model with a fixed score needs none: its certificate pays nothing for trying every
    threshold. Case stores, learnt heads, maps, plans and budgets do.
    """
    deferral = spec.deferral
    certificate = deferral.certificate
    if certificate is None:
        return True
    classifiers = len(spec.answering)
    learns = deferral.score == "head" or (
        deferral.score == "auto" and not deferral.groups and rows * TUNE_SHARE >= MIN_ROWS
    )
    return (
        any(isinstance(stage, RetrieveSpec) for stage in spec.unit_flow)
        or learns
        or classifiers > 1
        or certificate.epsilon is None
        or certificate.kind not in ("agree", "regret")
    )
