"""The contract every stage keeps.

Build light -> `warm_up()` loads and compiles -> `run(batch)` returns one cell a record: in order,
none dropped, none doubled. A record that fails has its error as its cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from headgate.errors import HeadgateError
from headgate.models.encoder import Vectors
from headgate.types import (
    Deadline,
    Hit,
    Judgement,
    Origin,
    Planned,
    Prediction,
    Reading,
    Record,
    Shortlist,
)

Hits = tuple[Hit, ...]
Cell = Prediction | Shortlist | Reading | Planned | Hits | Judgement | HeadgateError
"""What a stage yields for one record."""
PaidCell = Judgement | Reading | Planned
"""What a language model may have been paid for."""
Column = Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Batch:
    """Records on their way through a flow."""

    records: Sequence[Record]
    deadline: Deadline
    columns: Mapping[str, Column]
    """What earlier stages yielded, by stage name, each as long as `records`."""
    origin: Origin = Origin()  # noqa: RUF009 - frozen
    """Who asked, and who is told of what is known before the answer."""

    def shown(self, place: int) -> dict[str, Cell]:
        """Return what earlier stages yielded of the record at a place."""
        return {name: column[place] for name, column in self.columns.items()}


def prediction_of(cell: Cell | None) -> Prediction | None:
    """Return the small model's prediction in a cell, where it holds one."""
    if isinstance(cell, Shortlist | Reading):
        return cell.prediction
    return cell if isinstance(cell, Prediction) else None


class Stage(Protocol):
    """One step of a flow."""

    @property
    def name(self) -> str:
        """Return its name in the cascade."""

    @property
    def kind(self) -> str:
        """Return its kind in the catalog."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the names of the stages whose columns it reads."""

    @property
    def model(self) -> str:
        """Return the model it calls, as the cascade names it; empty when it calls none."""

    async def warm_up(self) -> None:
        """Do once what makes the first batch slow."""

    async def run(self, batch: Batch) -> list[Cell]:
        """Return one cell a record, in order."""


class TextEncoder(Protocol):
    """An encoder wherever it runs: in this process or in a replica."""

    @property
    def fingerprint(self) -> str:
        """What scores and indexes depend on."""

    async def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dim), in order."""
