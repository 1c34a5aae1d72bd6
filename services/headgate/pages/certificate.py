"""A certificate in words and as a card of a page.

CertificateSummary  ->  what it promises, how far to rely on it  ->  <section>
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from headgate.pages.amounts import percent
from headgate.pages.document import facts
from headgate.types import CertificateSummary, GuaranteeState

_PROMISES = {
    "agree": "at most {epsilon} of all records get an answer that differs from the large model's",
    "regret": "at most {epsilon} of all records are answered wrongly where the large model would "
    "have been right; accuracy is at most {points} points below the large model's",
    "netgap": "the cascade's accuracy is at most {points} points below the large model's",
    "selective": "at most {epsilon} of the records that small models answer alone are wrong",
    "two_sided": "at most {epsilon} of the rare class's records are passed off as ordinary, and "
    "calls of the rare class are wrong at most as often as its own bound says",
}
_STATES = {
    GuaranteeState.CERTIFIED: "Nothing seen since speaks against it.",
    GuaranteeState.SUSPECT: "Scores have drifted from those that were certified, so it may no "
    "longer hold.",
    GuaranteeState.VOID: "Audits have shown more risk than was certified: do not rely on it.",
    GuaranteeState.UNCERTIFIED: "It is not the certificate of what is loaded.",
}


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


def certificate_card(found: CertificateSummary, promise: str, remarks: Sequence[str] = ()) -> str:
    """Return a certificate as a card.

    Args:
        found: The certificate.
        promise: What it states, in words; shown first.
        remarks: Sentences below; empty ones are left out.
    """
    listed = facts(
        {
            "kind": found.kind,
            "mode": found.mode,
            "epsilon": f"{found.epsilon:.4g}",
            "delta": f"{found.delta:.4g}",
            "labelled units": f"{found.n:,}",
            "bad among those kept": f"{found.bad:,}",
            "p-value": f"{found.p_value:.2g}",
            "kept in certification": percent(found.automation),
            "issued": found.issued,
            "certificate": found.id,
        }
    )
    said = "".join(f"<p>{escape(text)}</p>" for text in remarks if text)
    return (
        f'<section class="card guarantee" style="--state:var(--{found.state.value})">'
        f'<span class="badge">{escape(found.state.value)}</span>'
        f'<p class="statement">{escape(promise)}</p>{said}{listed}</section>'
    )


def uncertified_card(sentence: str) -> str:
    """Return the card of a cascade that asks for no certificate, with what that means."""
    return (
        '<section class="card guarantee" style="--state:var(--uncertified)">'
        f'<span class="badge">no certificate</span><p class="statement">{escape(sentence)}</p>'
        "</section>"
    )
