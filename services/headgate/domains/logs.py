"""Log analysis: five questions about a log, and what a small model reads to answer them.

Record(fields, candidates)  ->  texts (one, or a pair a candidate)  ->  logits  ->  Prediction

Source: the tasks of AdaptiveLog (arXiv:2501.11031, section 2), with `classify_lines` added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from headgate.domains.task import TextPairs, softmax
from headgate.errors import InputError
from headgate.types import Prediction, Record

Operation = Literal["match_description", "level", "module", "classify_lines", "rank_causes"]

FIELDS: dict[Operation, tuple[str, ...]] = {
    "match_description": ("log", "description"),
    "level": ("log",),
    "module": ("log",),
    "classify_lines": ("line",),
    "rank_causes": ("log",),
}
"""The fields a record must have, the log's own text first."""


@dataclass(frozen=True, slots=True)
class LogTask:
    """One operation with its answer set."""

    operation: Operation
    labels: tuple[str, ...]
    """Empty for `rank_causes`; for `match_description` first "no match", then "match"."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the fields every record must have."""
        return FIELDS[self.operation]

    @property
    def optional_fields(self) -> tuple[str, ...]:
        """Return no field: an operation reads what it needs."""
        return ()

    @property
    def pairs(self) -> bool:
        """Return whether the small model compares two texts rather than reads one."""
        return self.operation == "match_description" or self.ranks

    @property
    def ranks(self) -> bool:
        """Return whether each record brings the candidates it chooses from."""
        return self.operation == "rank_causes"

    def options(self, record: Record) -> tuple[str, ...]:
        """Return the answers the record may get."""
        if self.ranks:
            return tuple(candidate.id for candidate in record.candidates)
        return self.labels

    def cell(self, value: object, place: str) -> object:
        """Return the value as it is."""
        del place
        return value

    def canonical(self, answer: str) -> str:
        """Return the answer as it is: it is one of the options."""
        return answer

    def check(self, record: Record) -> None:
        """Refuse a record that the operation cannot answer.

        Raises:
            InputError: A field is missing, blank or unknown, or the candidates are wrong.
        """
        place = f"record {record.id!r}"
        for name in self.fields:
            if not record.fields.get(name, "").strip():
                raise InputError(
                    place,
                    f"field {name!r} is missing or blank",
                    f"{self.operation} reads: {', '.join(self.fields)}.",
                )
        for name in record.fields:
            if name not in self.fields:
                raise InputError(
                    place,
                    f"field {name!r} is not known",
                    f"{self.operation} reads: {', '.join(self.fields)}.",
                )
        self._check_candidates(record, place)

    def _check_candidates(self, record: Record, place: str) -> None:
        if not self.ranks:
            if record.candidates:
                raise InputError(
                    place,
                    f"it has candidates, and {self.operation} answers with declared labels",
                    "Send no candidates.",
                )
            return
        ids = [candidate.id for candidate in record.candidates]
        texts = [candidate.text for candidate in record.candidates]
        blank = not all(each.strip() for each in [*ids, *texts])
        if len(ids) < 2 or len(set(ids)) < len(ids) or blank:
            raise InputError(
                place,
                f"{len(ids)} candidates, or their ids or texts are blank or repeated",
                "rank_causes needs two or more candidates with different ids and some text.",
            )

    def texts(self, records: Sequence[Record]) -> list[str]:
        """Return the one text of each record that a single-text model reads."""
        return [record.fields[self.fields[0]] for record in records]

    def text_pairs(self, records: Sequence[Record]) -> TextPairs:
        """Return the pairs that a pair model reads: one a record, or one a candidate."""
        firsts: list[str] = []
        seconds: list[str] = []
        owners: list[int] = []
        for position, record in enumerate(records):
            for second in self._seconds(record):
                firsts.append(record.fields["log"])
                seconds.append(second)
                owners.append(position)
        return TextPairs(tuple(firsts), tuple(seconds), tuple(owners))

    def _seconds(self, record: Record) -> list[str]:
        if self.ranks:
            return [candidate.text for candidate in record.candidates]
        return [record.fields["description"]]

    def query_text(self, record: Record) -> str:
        """Return the text by which similar past cases are found."""
        parts = [record.fields[name] for name in self.fields]
        parts += [candidate.text for candidate in record.candidates]
        return "\n".join(parts)

    def predictions_from_labels(
        self, records: Sequence[Record], logits: NDArray[np.float32]
    ) -> list[Prediction]:
        """Return a prediction a record from logits of shape (records, labels)."""
        probabilities = softmax(logits)
        return [
            Prediction(self.options(record), tuple(row))
            for record, row in zip(records, probabilities.tolist(), strict=True)
        ]

    def predictions_from_pairs(
        self, records: Sequence[Record], pairs: TextPairs, logits: NDArray[np.float32]
    ) -> list[Prediction]:
        """Return a prediction a record from one logit a pair, the log-odds that it fits."""
        if self.operation == "match_description":
            return self.predictions_from_labels(
                records, np.stack([np.zeros_like(logits), logits], axis=1)
            )
        if not records:
            return []
        starts = np.searchsorted(np.asarray(pairs.owners), np.arange(1, len(records)))
        return [
            Prediction(self.options(record), tuple(softmax(own).tolist()))
            for record, own in zip(records, np.split(logits, starts), strict=True)
        ]
