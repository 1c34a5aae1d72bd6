"""What a certification found out.

gates by name, figures, reason -> Proven -> Certificate
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headgate.cascade.certificate import GroupCertificate
from headgate.cascade.fitted import FittedGate
from headgate.gate.threshold import KEEP_NOTHING

LADDER = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
"""What other epsilons would give is kept for `explain`."""
TIGHTER = 4
"""A void certificate's gate keeps what is certified for epsilon over this."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What was found out; gates that keep nothing when nothing was."""

    gates: Mapping[str, FittedGate]
    epsilon: float
    """The bound that was asked for, or the one that is certain within a budget."""
    certified: bool
    n: int
    """Units it was tested on; for `selective`, those of them that are kept."""
    bad: int
    p_value: float
    reason: str = ""
    """Why it is not certified."""
    groups: tuple[GroupCertificate, ...] = ()

    @property
    def keeps(self) -> bool:
        """Return whether any record can be kept."""
        return any(may_keep(gate) for gate in self.gates.values())


def may_keep(gate: FittedGate) -> bool:
    """Return whether a gate that runs can keep a record."""
    thresholds = (gate.threshold, *gate.class_thresholds.values())
    return gate.planned and min(thresholds) < KEEP_NOTHING


def too_few(units: int) -> str:
    """Return the reason of what so many certification units do not prove."""
    return f"{units} certification units do not prove it"
