"""Chooses one-to-one pairs out of the rankings of all columns of a table.

results of columns (n), each a ranking  ->  pairs, abstentions  ->  the same results, marked
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from headgate.domains.schemas.assignment import assign
from headgate.domains.schemas.match_record import NO_MATCH, column_id
from headgate.types import GuaranteeState, Result


@dataclass(frozen=True, slots=True)
class Joined:
    """The pairs of one table."""

    answer: str
    """A JSON object: the id of a target column by that of its source column."""
    confidence: float
    """Mean belief in the pairs; 0 without any."""
    parts: tuple[Result, ...]
    """The columns' results: the answer is the column's partner, or that it has none."""
    elapsed_ms: float


class Assign:
    """Hungarian assignment with a price for leaving a column unmatched."""

    kind = "assign"
    model = ""

    def __init__(self, name: str, *, of: str, unmatched_price: float) -> None:
        """Put it together.

        Args:
            name: The stage's name.
            of: The for_each stage whose parts are joined.
            unmatched_price: Belief that a pair must reach, between 0 and 1.
        """
        self.name, self.of = name, of
        self.unmatched_price = unmatched_price

    def warm_up(self) -> None:
        """Choose one pair, so that what it takes is loaded before a caller waits."""
        self.join("warm-up", [Result("warm-up/color", ranking=(("color", 1.0),))])

    def join(self, table_id: str, parts: Sequence[Result]) -> Joined:
        """Return the pairs of one table's columns; a column with an error has no partner.

        Args:
            table_id: The table's record; the ids of its columns' records start with it.
            parts: Its columns' results.
        """
        started = time.perf_counter()
        beliefs = {
            str(place): {option: score for option, score in part.ranking if option != NO_MATCH}
            for place, part in enumerate(parts)
            if part.error is None
        }
        chosen = assign(beliefs, unmatched_price=self.unmatched_price).pairs
        marked = [_marked(part, chosen.get(str(place))) for place, part in enumerate(parts)]
        paired = [part for part in marked if part.answer not in ("", NO_MATCH)]
        prefix = column_id(table_id, "")
        pairs = {part.record_id.removeprefix(prefix): part.answer for part in paired}
        scores = [dict(part.ranking)[part.answer] for part in paired]
        return Joined(
            answer=json.dumps(pairs, ensure_ascii=False),
            confidence=sum(scores) / len(scores) if scores else 0.0,
            parts=tuple(marked),
            elapsed_ms=(time.perf_counter() - started) * 1000,
        )


def _marked(part: Result, partner: str | None) -> Result:
    """Return a column's result with its partner as the answer.

    Where that is another answer than the column's own it is not what was certified.
    """
    if part.error is not None:
        return part
    answer = partner or NO_MATCH
    marked = replace(part, answer=answer)
    if answer == part.answer:
        return marked
    return replace(marked, certificate_id="", guarantee=GuaranteeState.UNCERTIFIED)
