"""What figures mean, in sentences for people who did not make the cascade.

shares, rates, CertificateSummary  ->  text; labels and names in it are as they were given
"""

from __future__ import annotations

from headgate.evaluation.outcomes import Loss
from headgate.evaluation.policies import FOLDS, Policy
from headgate.evaluation.rates import CONFIDENCE, Rate
from headgate.pages.amounts import percent, points
from headgate.types import CertificateSummary

_LOSSES = {
    "agree": "kept answers that differ from the large model's",
    "regret": "kept answers that are wrong where the large model is right",
    "netgap": "the large model's lead in accuracy",
    "selective": "wrong answers among the kept ones",
}
_SHARED_ASSUMPTIONS = (
    "Production records are drawn like the certification rows, and independently of one another. "
    "Bursts of one template and new software break this; the monitors are there to notice.",
    "The labels that losses were counted with are right.",
    "No certification row was used to train a model, tune a score or choose among certificates.",
    "Models, prompt and data are those that were certified; their hashes are compared on loading.",
)


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
