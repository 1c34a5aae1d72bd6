"""What a batch did and what it cost, for the file that stays with its output.

counts, money, times of a finished job  ->  Receipt  ->  see `receipt_files`, `report`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from headgate.batch.outputs.summary import UnitSummary, most_first
from headgate.pages.plain import JSON, plain_fields
from headgate.types import CertificateSummary, Tier, Usage

Counts: TypeAlias = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Program:
    """What answered."""

    cascade: str
    """Its name."""
    revision: str
    """Of file, prompts and artifact together."""
    operation: str
    headgate: str
    """The version of this package."""
    models: Mapping[str, str] = field(default_factory=dict)
    """Name or revision of each model by its name in the cascade file."""


@dataclass(frozen=True, slots=True)
class InputCount:
    """One file that was read."""

    place: str
    size_bytes: int
    rows: int
    """Lines, events or rows that are in the output."""
    fingerprint: str


@dataclass(frozen=True, slots=True)
class OutputCount:
    """What was written."""

    format: str
    partition_by: str
    """Empty when the shards are in one folder."""
    shards: int
    """Files."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class LargeModel:
    """What large models were asked."""

    usage: Usage
    """What this job paid for, resumes together."""
    cached: int = 0
    """Answers that came from the cache of an earlier job or service."""
    recovered: int = 0
    """Answers that a killed run of this job had paid for, and that were not bought again."""
    budget_usd: float | None = None
    """None: none was set."""


@dataclass(frozen=True, slots=True)
class Work:
    """How long it took, and with what."""

    started: str
    """ISO 8601, UTC; of the first run."""
    finished: str
    """ISO 8601, UTC."""
    runs: int
    """1 when it was never interrupted."""
    workers: int
    phases_s: Mapping[str, float]
    """Seconds of the clock by phase, all runs together, in the order of the phases."""
    peak_memory_bytes: int
    """Resident, of the largest process of the last run."""

    @property
    def elapsed_s(self) -> float:
        """Return the seconds in which something was running."""
        return sum(self.phases_s.values())


@dataclass(frozen=True, slots=True)
class RowCounts:
    """The rows of the output, counted."""

    total: int
    tiers: Counts
    """Rows by which model answered."""
    answers: Counts
    """Rows by answer; none of them when they are too many to tell apart."""
    degraded: Counts
    """Rows by the reason that their answer is not the one the policy wanted."""
    lossy: int
    """Rows whose bytes were not UTF-8."""

    @classmethod
    def of(cls, summary: UnitSummary) -> RowCounts:
        """Return the counts of a summary, most first."""
        return cls(
            total=summary.rows,
            tiers=summary.by_tier(),
            answers={} if summary.many_answers else summary.by_answer(),
            degraded=most_first(summary.degraded),
            lossy=summary.lossy,
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """Everything that is said of one finished batch; holds no text of the input."""

    program: Program
    certificate: CertificateSummary | None
    """Of the cascade's gate; None when the cascade file asks for none."""
    unit: Literal["line", "record"]
    """What one row of the output is about."""
    rows: RowCounts
    asked: int
    """Different records that the cascade answered; equal ones share an answer."""
    templates: int | None
    """None when the input is no log, or each line was answered by itself."""
    dead_letters: Counts
    """Lines or rows that are not in the output, by the reason."""
    inputs: Sequence[InputCount]
    output: OutputCount
    large_model: LargeModel
    work: Work
    batch_statement: str = ""
    """What was certified about just these rows; empty when that was not asked for."""

    @property
    def input_bytes(self) -> int:
        """Return the size of all files that were read."""
        return sum(each.size_bytes for each in self.inputs)

    @property
    def rows_per_s(self) -> float:
        """Return the rows written in a second of work; 0 when none passed."""
        return self.rows.total / self.work.elapsed_s if self.work.elapsed_s else 0.0

    @property
    def kept_share(self) -> float | None:
        """Return the part of the rows that small models answered; None without rows."""
        small = self.rows.tiers.get(Tier.SMALL, 0)
        return small / self.rows.total if self.rows.total else None

    def to_json(self) -> dict[str, JSON]:
        """Return the fields as JSON's own types, with what follows from them."""
        return {
            **plain_fields(self),
            "input_bytes": self.input_bytes,
            "elapsed_s": round(self.work.elapsed_s, 3),
            "rows_per_s": round(self.rows_per_s, 1),
        }
