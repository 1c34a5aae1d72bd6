"""What schema matching takes from callers and tells them: tables in, pairs of columns out.

GivenTable (sources, target)  ->  TableMatch (one a source): ColumnMatch (one a column), candidates

All frozen, none with I/O, and nothing here but the standard library: clients import it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from headgate.errors import HeadgateError
from headgate.types import GuaranteeState, Step, Tier, Usage


@dataclass(frozen=True, slots=True)
class GivenColumn:
    """One column of a table, as a caller has it."""

    name: str
    """May be empty, and another column may have it too."""
    values: tuple[str, ...] = ()
    """Its cells, or a sample of them; an empty one counts as null."""
    description: str = ""
    """What a dictionary says of it."""


@dataclass(frozen=True, slots=True)
class GivenTable:
    """A table as a caller has it; exactly one of its three forms is given."""

    name: str
    """Unique among the source tables of a call."""
    columns: tuple[GivenColumn, ...] | None = None
    csv: bytes | None = None
    """A file with a line of names; in UTF-8, or in UTF-16 with a byte order mark."""
    arrow_ipc: bytes | None = None
    """A stream or a file of Arrow IPC."""
    lossy: bool = False
    """True when bytes of `columns` that were not UTF-8 were replaced by U+FFFD."""


class Abstention(StrEnum):
    """Why a column has no counterpart."""

    NONE_FITS = "none_fits"
    """The answer is that no column of the target fits."""
    TAKEN = "taken"
    """Its best candidate went to another column of the table."""
    UNLIKELY = "unlikely"
    """Its best candidate is free, but too improbable to be worth a pair."""


@dataclass(frozen=True, slots=True)
class MatchCandidate:
    """One column of the target that may be meant."""

    target: str
    """Its id in the target table."""
    score: float
    """Probability that it corresponds; comparable within a source table."""
    similarity: float | None = None
    """Cosine of the embeddings, between -1 and 1; None when none were compared."""
    name_similarity: float | None = None
    """Between 0 and 1; None when it was not measured."""
    value_overlap: float | None = None
    """Share of values in common, between 0 and 1; None when it was not measured."""
    large_score: float | None = None
    """What the large model gave it, between 0 and 1; None when it was not asked."""


@dataclass(frozen=True, slots=True)
class ColumnMatch:
    """One source column with its candidates and its counterpart; or its error."""

    id: str
    """Unique in its table: its name where no other column has it."""
    name: str
    """As in the table."""
    index: int
    """Position in the table, from 0."""
    target: str | None = None
    """Id of the one target column it is paired with, which no other column of its table has."""
    abstention: Abstention | None = None
    """Why it has none; None with a target, and with an error."""
    candidates: tuple[MatchCandidate, ...] = ()
    """Most probable first."""
    none_score: float | None = None
    """How probable it is that no column fits; None when no model said so."""
    confidence: float = 0.0
    """The small model's probability of its own answer."""
    tier: Tier | None = None
    """Which model ranked the candidates."""
    path: tuple[Step, ...] = ()
    rationale: str = ""
    usage: Usage = Usage()  # noqa: RUF009 - frozen
    certificate_id: str = ""
    """The certificate the answer falls under; empty when it falls under none."""
    guarantee: GuaranteeState = GuaranteeState.UNCERTIFIED
    """The state of that certificate when the answer was given."""
    degraded: str = ""
    """Why this is not the answer the policy wanted; empty when it is."""
    cached: bool = False
    error: HeadgateError | None = None


@dataclass(frozen=True, slots=True)
class TableMatch:
    """The columns of one source table with their counterparts; or its error."""

    name: str
    columns: tuple[ColumnMatch, ...] = ()
    """One a column, in the order of the table."""
    usage: Usage = Usage()  # noqa: RUF009 - frozen
    """What the large model consumed for all columns."""
    notes: tuple[str, ...] = ()
    """What was done to read the table or the target, such as leaving rows out."""
    lossy_input: bool = False
    degraded: str = ""
    """Why the pairs are not what the policy wanted; empty when they are."""
    error: HeadgateError | None = None

    @property
    def pairs(self) -> dict[str, str]:
        """Return the one-to-one pairs: ids of target columns by ids of source columns."""
        return {each.id: each.target for each in self.columns if each.target is not None}
