"""What a certificate is made of: development rows with what every model said of them.

rows, predictions of each stage, the large model's answers -> right, same, kept: (n,) bool
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headgate.cascade.assemble import unit_task_of
from headgate.cascade.fitted import FittedGate
from headgate.cascade.load import LoadedCascade
from headgate.cascade.spec import AnsweringSpec, GateSpec
from headgate.domains.rows import LabelledRecord
from headgate.errors import ModelError
from headgate.fitting.units import Units
from headgate.gate.scores import OptionTable
from headgate.types import Prediction

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Development rows, all columns of the same length."""

    loaded: LoadedCascade
    rows: Sequence[LabelledRecord]
    units: Units
    predictions: Mapping[str, Sequence[Prediction]]
    """By the name of the stage."""
    second: Sequence[Prediction] | None
    """Of the second model, for scores that read one."""
    reference: Sequence[str | None]
    """The large model's answers; None where it was not asked or gave none."""

    def __post_init__(self) -> None:
        """Check the predictions.

        Raises:
            ModelError: A probability is no number: a gate could only keep nothing of it.
        """
        own = {f"classifier {name!r}": found for name, found in self.predictions.items()}
        for place, predictions in {**own, "second model": self.second or ()}.items():
            wrong = sum(not math.isfinite(sum(each.probabilities)) for each in predictions)
            if wrong:
                raise ModelError(
                    place,
                    f"its probabilities of {wrong} development rows are no numbers",
                    "Look at the training rows, or use another model.",
                )

    @property
    def stages(self) -> list[AnsweringSpec]:
        """Return the stages of small models that answer, in order."""
        return self.loaded.spec.answering

    @property
    def gates(self) -> list[GateSpec]:
        """Return the gates in order, one an answering stage that another stage follows."""
        return [each for each in self.loaded.spec.unit_flow if isinstance(each, GateSpec)]

    @property
    def last_gate(self) -> GateSpec:
        """Return the gate before the large model."""
        return self.gates[-1]

    def table(self, stage: str) -> OptionTable:
        """Return a stage's probabilities side by side."""
        return OptionTable.of([each.probabilities for each in self.predictions[stage]])

    @property
    def second_table(self) -> OptionTable | None:
        """Return the second model's probabilities, if there is one."""
        if self.second is None:
            return None
        return OptionTable.of([each.probabilities for each in self.second])

    def right(self, stage: str) -> Mask:
        """Return whether the stage's answer is the label, shape (n,)."""
        pairs = zip(self.predictions[stage], self.rows, strict=True)
        return np.array([row.accepts(found.answer) for found, row in pairs], bool)

    def same(self, stage: str) -> Mask:
        """Return whether the stage says what the large model says; no answer is another one."""
        pairs = zip(self.predictions[stage], self.reference, strict=True)
        canonical = unit_task_of(self.loaded).canonical
        return np.array(
            [a is not None and canonical(found.answer) == canonical(a) for found, a in pairs], bool
        )

    @property
    def reference_right(self) -> Mask:
        """Return whether the large model is right, shape (n,).

        Where it gave no answer it counts as right: the loss of a small model's error is then
        counted, which can only make a certificate more careful.
        """
        pairs = zip(self.reference, self.rows, strict=True)
        return np.array([answer is None or row.accepts(answer) for answer, row in pairs], bool)

    def correct(self, stage: str, kind: str) -> Mask:
        """Return whether the stage's answer is right as the loss of `kind` sees it."""
        return self.same(stage) if kind == "agree" else self.right(stage)

    def reference_correct(self, kind: str) -> Mask:
        """Return whether the large model's is; always, where it is the measure."""
        return np.ones(len(self.rows), bool) if kind == "agree" else self.reference_right

    def bad(self, kind: str) -> Mask:
        """Return whether keeping the last small model's answer would be a loss, shape (n,)."""
        stage = self.last_gate.of
        return self.reference_correct(kind) & ~self.correct(stage, kind)

    def exits(self, gates: Mapping[str, FittedGate]) -> list[str]:
        """Return the classify stage whose answer each row leaves with; empty when it is sent on."""
        exits = [""] * len(self.rows)
        for gate in self.gates:
            fitted = gates[gate.name]
            if not fitted.planned:
                continue
            judged = fitted.gate(fitted.threshold, fitted.class_thresholds).judge(
                self.predictions[gate.of], self.second
            )
            for place, verdict in enumerate(judged):
                if verdict.kept and not exits[place]:
                    exits[place] = gate.of
        return exits

    def exit_same(self, exits: Sequence[str]) -> Mask:
        """Return whether each row's answer is the large model's; a row that is sent on has it."""
        found = np.ones(len(self.rows), bool)
        for stage in self.stages:
            own = np.array([each == stage.name for each in exits], bool)
            found[own] = self.same(stage.name)[own]
        return found


def reference_scores(evidence: Evidence, gates: Mapping[str, FittedGate]) -> list[float]:
    """Return the confidences of certification rows at the first gate, which all records reach.

    Of these alone: a score or a map that was fitted on a row knows it, and copies of one line are
    among the tuning rows.
    """
    first = next(gate for gate in evidence.gates if gates[gate.name].planned)
    fitted = gates[first.name]
    gate = fitted.gate(fitted.threshold, fitted.class_thresholds)
    judged = gate.judge(evidence.predictions[first.of], evidence.second)
    own = evidence.units.certify
    return [verdict.score for verdict, mine in zip(judged, own, strict=True) if mine]
