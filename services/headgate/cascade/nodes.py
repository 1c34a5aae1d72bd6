"""What a flow is made of: stages, and gates between them.

stages' predictions (n) -> GateNode -> verdicts (n)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from headgate.cascade.fitted import FittedRung
from headgate.cascade.guarantee import Footing
from headgate.gate.threshold import KEEP_NOTHING, Gate
from headgate.stages.catalog import Answering, Asking, Decompose, Finding, Read
from headgate.stages.classify import Classify
from headgate.types import GateVerdict, Prediction


@dataclass(frozen=True, slots=True)
class GateNode:
    """A gate in the flow: it splits the batch, which no stage may do."""

    name: str
    of: str
    gate: Gate
    kind: str = "gate"
    tightened: Gate | None = None
    """In force while the certificate is void; None keeps nothing then."""
    second: Classify | None = None
    """The second model, for scores that read one; nobody else sees what it says."""
    ladder: tuple[FittedRung, ...] = ()
    """Thresholds of other epsilons, for explanations."""

    def judge(
        self,
        predictions: Sequence[Prediction],
        second: Sequence[Prediction] | None,
        footing: Footing,
    ) -> list[GateVerdict]:
        """Return a verdict a prediction, by the thresholds that are in force."""
        gate = self.gate
        if footing is Footing.TIGHTENED and self.tightened is not None:
            gate = self.tightened
        elif footing is not Footing.NORMAL:
            gate = replace(gate, threshold=KEEP_NOTHING, class_thresholds={})
        return gate.judge(predictions, second)


Paying = Read | Decompose
"""Stages before the last one that may call a language model, which is paid for."""
Node = GateNode | Answering | Finding | Asking
