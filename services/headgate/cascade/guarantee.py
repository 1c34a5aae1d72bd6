"""What a cascade may claim right now, and which thresholds follow from it.

Certificate, problem, state told by the watch -> Claim for each answer, Footing for the gates
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from headgate.cascade.certificate import Certificate
from headgate.types import CertificateSummary, GuaranteeState


class Footing(Enum):
    """Which of its thresholds a gate uses."""

    NORMAL = "normal"
    """The fitted one."""
    TIGHTENED = "tightened"
    """The one of a stricter certificate."""
    NOTHING = "nothing"
    """None: everything is sent on."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one answer may claim."""

    certificate_id: str = ""
    state: GuaranteeState = GuaranteeState.UNCERTIFIED


class Guarantee:
    """The certificate of one cascade in service; without one, everything is uncertified."""

    def __init__(
        self,
        certificate: Certificate | None = None,
        *,
        problem: str = "",
        pass_through: bool = True,
        tightens: bool = True,
    ) -> None:
        """Start certified, unless there is a problem or no certificate.

        Args:
            certificate: What a fit proved.
            problem: Why it does not hold for what is loaded; empty when it does.
            pass_through: Whether everything goes to the large model when it does not.
            tightens: Whether gates keep less once the certificate is void.
        """
        self.certificate = certificate
        self.problem = problem
        self._pass_through = pass_through
        self._tightens = tightens
        holds = certificate is not None and not problem
        self._state = GuaranteeState.CERTIFIED if holds else GuaranteeState.UNCERTIFIED

    @property
    def state(self) -> GuaranteeState:
        """Return how far the certificate can be relied on."""
        return self._state

    def take(self, state: GuaranteeState) -> None:
        """Take the state that the watch tells; what was never certified stays so."""
        if self._state is not GuaranteeState.UNCERTIFIED:
            self._state = state

    @property
    def claim(self) -> Claim:
        """Return what an answer may claim now."""
        if self.certificate is None or self._state is GuaranteeState.UNCERTIFIED:
            return Claim()
        return Claim(self.certificate.id, self._state)

    @property
    def demands(self) -> bool:
        """Return whether what a gate sends on has to be asked, whatever it is worth."""
        return self.certificate is not None

    @property
    def footing(self) -> Footing:
        """Return which thresholds the gates use now."""
        if self._state is GuaranteeState.VOID and self._tightens:
            return Footing.TIGHTENED
        # A fit sets the thresholds of what it could not certify. What it certified for other
        # files than these was found out later, so it is seen to here.
        broken = self.certificate is not None and self.certificate.certified and self.problem
        return Footing.NOTHING if broken and self._pass_through else Footing.NORMAL

    def summary(self) -> CertificateSummary | None:
        """Return what callers are told; None without a certificate."""
        if self.certificate is None:
            return None
        return self.certificate.summary(self._state, self.problem)
