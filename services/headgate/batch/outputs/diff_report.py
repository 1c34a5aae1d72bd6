"""What differs between two jobs, as values that JSON and tables are written from.

DiffReport  ->  JSON | headings and rows of a table
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from headgate.pages.amounts import DASH, counted, share
from headgate.pages.plain import JSON, plain_fields
from headgate.pages.text import visible


class Table(NamedTuple):
    """A table for people; every text in it is printable."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two jobs."""

    directory: str
    cascade: str
    revision: str
    """Of file and prompts."""
    artifact_revision: str
    headgate: str
    """The version that began it."""


@dataclass(frozen=True, slots=True)
class Change:
    """Rows that went from one answer, or tier, to another."""

    before: str
    after: str
    rows: int


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a row that changed is, and how."""

    file: str
    number: int | None
    """Of its line or row in the file, from 1."""
    offset: int | None
    """In bytes, of a line."""
    before: str
    """Its answer."""
    after: str


@dataclass(frozen=True, slots=True)
class TemplateChange:
    """What changed among the rows that the first job gave one template."""

    id: str
    """Empty where rows have no template."""
    text: str
    """Empty where it is not known."""
    rows: int
    """Changed or not."""
    answers: int
    """Rows of another answer."""
    tiers: int
    """Rows that another tier answered."""
    templates: int
    """Rows of another template."""
    examples: tuple[Spot, ...]
    """The first ones; those of another answer before others."""


@dataclass(frozen=True, slots=True)
class DiffReport:
    """How the second of two jobs differs from the first; holds no text of the input."""

    before: Side
    after: Side
    rows: int
    """Rows that both have."""
    only_before: int
    """Rows that the second job has no answer to; see its dead letters."""
    only_after: int
    changed: int
    """Rows of which anything below differs."""
    answers: int
    tiers: int
    templates: int
    answer_changes: tuple[Change, ...]
    """Most rows first."""
    answers_not_listed: int
    """Rows of pairs of answers that are too many to tell apart."""
    tier_changes: tuple[Change, ...]
    """Most rows first."""
    by_template: tuple[TemplateChange, ...]
    """Those in which anything changed, most changed answers first."""

    @property
    def same(self) -> bool:
        """Return whether both jobs have the same rows with the same answers."""
        return not (self.changed or self.only_before or self.only_after)

    def to_json(self) -> dict[str, JSON]:
        """Return the fields as JSON's own types."""
        return plain_fields(self)

    def headline(self) -> str:
        """Return the difference in one sentence."""
        if self.same:
            return f"No difference in {counted(self.rows, 'row')}."
        return (
            f"{self.answers:,} of {counted(self.rows, 'row')} changed their answer "
            f"({self._share(self.answers)}), {self.tiers:,} the tier that gave it, "
            f"{self.templates:,} their template."
        )

    def counts(self) -> Table:
        """Return how many rows changed what."""
        named = {
            "another answer": self.answers,
            "another tier": self.tiers,
            "another template": self.templates,
            "any of these": self.changed,
        }
        rows = [[name, f"{n:,}", self._share(n)] for name, n in named.items()]
        rows += [["only in the first", f"{self.only_before:,}", DASH]] if self.only_before else []
        rows += [["only in the second", f"{self.only_after:,}", DASH]] if self.only_after else []
        return Table(["", "rows", "share"], rows)

    def changes(self, most: int = 20) -> Table:
        """Return from which answer, and which tier, to which other one rows went."""
        found = [*self.answer_changes[:most], *self.tier_changes]
        rows = [
            [_shown(each.before), _shown(each.after), f"{each.rows:,}", self._share(each.rows)]
            for each in found
        ]
        return Table(["from", "to", "rows", "share"], rows)

    def template_changes(self, most: int = 20) -> Table:
        """Return the templates in which most changed, each with the place of one row."""
        rows = [
            [
                visible(each.text or each.id, 80) or DASH,
                f"{each.rows:,}",
                f"{each.answers:,}",
                f"{each.tiers:,}",
                f"{each.templates:,}",
                _example(each),
            ]
            for each in self.by_template[:most]
        ]
        return Table(["template", "rows", "answer", "tier", "template changed", "example"], rows)

    def _share(self, rows: int) -> str:
        return share(rows / self.rows) if self.rows else DASH


def _shown(name: str) -> str:
    return visible(name, 60)


def _example(change: TemplateChange) -> str:
    if not change.examples:
        return DASH
    spot = change.examples[0]
    at = f":{spot.number}" if spot.number is not None else f" at byte {spot.offset}"
    return visible(f"{spot.file}{at}: {_shown(spot.before)} to {_shown(spot.after)}", 200)
