"""What figures mean, in sentences for people who did not make the cascade.

shares, rates, CertificateSummary  ->  text; labels and names in it are as they were given
"""

from __future__ import annotations

import math

from headgate.evaluation.outcomes import Loss
from headgate.evaluation.policies import FOLDS, Policy
from headgate.evaluation.rates import CONFIDENCE, Rate
from headgate.types import CertificateSummary, GuaranteeState

DASH = "\N{EN DASH}"
"""Stands where there is nothing to say."""

_PROMISES = {
    "agree": "at most {epsilon} of all records get an answer that differs from the large model's",
    "regret": "at most {epsilon} of all records are answered wrongly where the large model would "
    "have been right; accuracy is at most {points} points below the large model's",
    "netgap": "the cascade's accuracy is at most {points} points below the large model's",
    "selective": "at most {epsilon} of the records that small models answer alone are wrong",
    "two_sided": "at most {epsilon} of the rare class's records are passed off as ordinary, and "
    "calls of the rare class are wrong at most as often as its own bound says",
}
_LOSSES = {
    "agree": "kept answers that differ from the large model's",
    "regret": "kept answers that are wrong where the large model is right",
    "netgap": "the large model's lead in accuracy",
    "selective": "wrong answers among the kept ones",
}
_STATES = {
    GuaranteeState.CERTIFIED: "Nothing seen since speaks against it.",
    GuaranteeState.SUSPECT: "Scores have drifted from those that were certified, so it may no "
    "longer hold.",
    GuaranteeState.VOID: "Audits have shown more risk than was certified: do not rely on it.",
    GuaranteeState.UNCERTIFIED: "It is not the certificate of what is loaded.",
}
_SHARED_ASSUMPTIONS = (
    "Production records are drawn like the certification rows, and independently of one another. "
    "Bursts of one template and new software break this; the monitors are there to notice.",
    "The labels that losses were counted with are right.",
    "No certification row was used to train a model, tune a score or choose among certificates.",
    "Models, prompt and data are those that were certified; their hashes are compared on loading.",
)


def percent(share: float | None) -> str:
    """Return a share between 0 and 1 as people read it, a dash for None."""
    return DASH if share is None else f"{share:.1%}"


def points(share: float) -> str:
    """Return a difference of two shares in points, with a true minus sign."""
    rounded = round(100 * share, 1) + 0.0  # adding 0 takes the sign of a zero away
    return f"{rounded:.1f}".replace("-", "\N{MINUS SIGN}")


def dollars(usd: float | None) -> str:
    """Return US dollars of 0 or more: cents, or three digits below one; a dash for None."""
    if usd is None:
        return DASH
    if usd == 0 or usd >= 1:
        return f"${usd:,.2f}"
    return f"${usd:.{2 - math.floor(math.log10(usd))}f}"


def interval(found: Rate) -> str:
    """Return the interval of a share, without its value."""
    return f"{found.low:.1%} to {found.high:.1%}"


def headline(name: str, cascade: Policy, given_up: Rate) -> str:
    """Return what a cascade saves and what it gives up, in one sentence."""
    kept = 1 - (cascade.large_share.value or 0.0)
    return (
        f"{name} answers {percent(kept)} of the records without the large model, "
        f"{_saving(cascade.saved)}{_accuracy(given_up)}."
    )


def _saving(saved: float | None) -> str:
    if saved is None:
        return "and "
    if saved < 0:
        return f"costs {percent(-saved)} more than the large model alone, and "
    return f"saves {percent(saved)} of the large model's cost, and "


def _accuracy(given_up: Rate) -> str:
    value = round(given_up.value or 0.0, 3)  # what one decimal of a point can show
    if value > 0:
        return f"gives up {points(value)} points of accuracy"
    if value < 0:
        return f"is {points(-value)} points more accurate"
    return "is as accurate"


def given_up_range(given_up: Rate) -> str:
    """Return how sure the difference in accuracy to the large model is."""
    return (
        f"{CONFIDENCE:.0%} interval of what is given up: {points(given_up.low)} to "
        f"{points(given_up.high)} points"
    )


def statement(certificate: CertificateSummary) -> str:
    """Return what a certificate promises, or why it promises nothing, in plain words."""
    promise = _promise(certificate)
    if not certificate.certified:
        return f"Nothing is certified. The aim was: {promise}. {_missing(certificate)}"
    if certificate.mode == "expectation":
        return (
            f"On average over draws of the labels, {promise}. This bounds a mean: in nearly half "
            "of all draws the risk is higher, so it is no certificate."
        )
    return (
        f"With a probability of at least {100 * (1 - certificate.delta):.4g}% over the draw of "
        f"{certificate.n:,} labelled rows, {promise}."
    )


def _missing(certificate: CertificateSummary) -> str:
    if certificate.labels_needed > certificate.n:
        return f"At least {certificate.labels_needed:,} labelled rows are needed to show that."
    return f"The {certificate.n:,} labelled rows do not show that."


def _promise(certificate: CertificateSummary) -> str:
    promise = _PROMISES.get(certificate.kind, "the loss {kind} is at most {epsilon}")
    return promise.format(
        kind=certificate.kind,
        epsilon=f"{100 * certificate.epsilon:.4g}%",
        points=f"{100 * certificate.epsilon:.4g}",
    )


def standing(certificate: CertificateSummary) -> str:
    """Return how far a certificate can be relied on now; empty when there is none to rely on."""
    if not certificate.certified:
        return certificate.problem
    return f"{_STATES[certificate.state]} {certificate.problem}".strip()


def finding(certificate: CertificateSummary, observed: Rate) -> str:
    """Return how the evaluated rows compare with what was certified, or was to be."""
    loss = _LOSSES.get(certificate.kind, "the loss")
    seen = f"On the rows evaluated here, {loss}: {percent(observed.value)} ({interval(observed)})."
    aim = f"{100 * certificate.epsilon:.4g}%"
    if observed.low > certificate.epsilon:
        advice = ": find out how these rows differ" if certificate.certified else ""
        return f"{seen} That is more than {aim}, beyond chance{advice}."
    if observed.high <= certificate.epsilon:
        return f"{seen} That is within {aim}, beyond chance."
    side = "above" if (observed.value or 0.0) > certificate.epsilon else "within"
    return f"{seen} That is {side} {aim}, though the rows are too few to be sure."


def assumptions(certificate: CertificateSummary | None) -> tuple[str, ...]:
    """Return what has to be true for the certificate to mean anything; empty without one."""
    if certificate is None:
        return ()
    if certificate.kind == "agree":
        truth = (
            "The large model's answer is taken as right. Where it is right in a share a of all "
            "records, the cascade is right in at least a minus epsilon."
        )
        return (*_SHARED_ASSUMPTIONS, truth)
    return _SHARED_ASSUMPTIONS


def caveats(
    loss: Loss, *, failed: int, recorded: bool, priced: bool, groups: bool
) -> tuple[str, ...]:
    """Return what a reader of the figures has to know.

    Args:
        loss: What thresholds were chosen for.
        failed: Rows that the large model failed on.
        recorded: Whether its answers are recorded ones.
        priced: Whether costs are known.
        groups: Whether rows of one group were kept together.
    """
    sentences = (
        (recorded, "The large model's answers are recorded ones; no model was called."),
        (not priced, "No price is known, so nothing is said of costs."),
        (priced, "Costs are those of answering these rows. Labels and audits come on top."),
        (
            failed > 0,
            f"The large model failed on {failed:,} rows. Policies fall back on the small answer "
            "there; the large model alone counts as wrong.",
        ),
        (
            True,
            f"Baseline thresholds, for the loss {loss}, are each chosen on "
            f"the rows outside of one part of {FOLDS} and counted inside it.",
        ),
        (groups, "Rows of one group stay in one part."),
        (
            True,
            f"Intervals hold at {CONFIDENCE:.0%} each, not all at once, and take rows as "
            "independent draws.",
        ),
    )
    return tuple(sentence for said, sentence in sentences if said)
