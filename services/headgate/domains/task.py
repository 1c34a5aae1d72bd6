"""What a cascade asks of its records, whatever the domain.

Record  ->  its options, whether it can be answered, what models read of it
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from headgate.types import Prediction, Record


@dataclass(frozen=True, slots=True)
class TextPairs:
    """The pairs of texts that several records expand to."""

    firsts: tuple[str, ...]
    seconds: tuple[str, ...]
    owners: tuple[int, ...]
    """Position of each pair's record; ascending."""


class Task(Protocol):
    """One question about records, with its answer set."""

    @property
    def operation(self) -> str:
        """Return the question's name, as a cascade file writes it."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the declared answers; empty when each record brings its own."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the fields every record must have, its own text first."""

    @property
    def optional_fields(self) -> tuple[str, ...]:
        """Return the fields a record may have beside them."""

    def options(self, record: Record) -> tuple[str, ...]:
        """Return the answers the record may get."""

    def cell(self, value: object, place: str) -> object:
        """Return a field's value in a row as the text that the record has, where that differs.

        Args:
            value: As it stands in the row.
            place: `file:number` of the row.

        Raises:
            InputError: It names something that cannot be read.
        """

    def canonical(self, answer: str) -> str:
        """Return the form in which answers that say the same are equal."""

    def check(self, record: Record) -> None:
        """Refuse a record that cannot be answered.

        Raises:
            InputError: What is wrong with it.
        """

    def query_text(self, record: Record) -> str:
        """Return the text by which similar past cases are found."""


class TextTask(Task, Protocol):
    """A question that a classifier answers from one text a record, or from pairs of texts."""

    @property
    def pairs(self) -> bool:
        """Return whether the small model compares two texts rather than reads one."""

    @property
    def ranks(self) -> bool:
        """Return whether each record brings the candidates it chooses from."""

    def texts(self, records: Sequence[Record]) -> list[str]:
        """Return the one text of each record that a single-text model reads."""

    def text_pairs(self, records: Sequence[Record]) -> TextPairs:
        """Return the pairs that a pair model reads: one a record, or one a candidate."""

    def predictions_from_labels(
        self, records: Sequence[Record], logits: NDArray[np.float32]
    ) -> list[Prediction]:
        """Return a prediction a record from logits of shape (records, labels)."""

    def predictions_from_pairs(
        self, records: Sequence[Record], pairs: TextPairs, logits: NDArray[np.float32]
    ) -> list[Prediction]:
        """Return a prediction a record from one logit a pair, the log-odds that it fits."""


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return probabilities over the last axis, each row summing to 1."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    exponents = np.exp(shifted)
    return np.asarray(exponents / exponents.sum(axis=-1, keepdims=True))
