"""What a job says of one record, and of many in columns.

Result -> Answer <-> JSON for the journal;  answers (n) -> batch (n rows), one column a field
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

import pyarrow as pa

from headgate.domains.questions.answers import NO_ANSWER
from headgate.domains.schemas.match_record import NO_MATCH, column_id
from headgate.types import Result

REPEATED = pa.dictionary(pa.int32(), pa.string())
"""Few values, many times: a `take` of such a column moves four bytes a row."""
SCHEMA = pa.schema(
    [
        ("answer", REPEATED),
        ("confidence", pa.float64()),
        ("tier", REPEATED),
        ("score", pa.float64()),
        ("rationale", pa.string()),
        ("certificate_id", REPEATED),
        ("guarantee", REPEATED),
        ("degraded", REPEATED),
        ("cost_usd", pa.float64()),
        ("error", REPEATED),
        ("problem", REPEATED),
        ("parts", pa.string()),
    ]
)


# Not `dataclasses.astuple`, which copies every value: this is done for each row.
_values = attrgetter(*SCHEMA.names)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is written of one record."""

    answer: str
    """A member of the answer set; empty with an error."""
    confidence: float
    """The small model's probability of the answer."""
    tier: str
    """Which model answered; empty with an error."""
    score: float | None
    """What the last gate compared with its threshold; None where no gate judged it."""
    rationale: str
    certificate_id: str
    guarantee: str
    degraded: str
    """Why this is not the answer the policy wanted; empty when it is."""
    cost_usd: float
    error: str
    """The reason that there is no answer; empty when there is one."""
    problem: str
    """The same for a person."""
    parts: str = ""
    """JSON of what the record fanned out to, such as a table's columns; of the passages that a
    question's answer rests on, and its steps; of advice on news. Empty when there is none of it."""

    @classmethod
    def of(cls, result: Result) -> Answer:
        """Return what is written of an engine's result."""
        judged = [step.score for step in result.path if step.kind == "gate"]
        return cls(
            answer=result.answer,
            confidence=result.confidence,
            tier=result.tier or "",
            score=judged[-1] if judged else None,
            rationale=result.rationale,
            certificate_id=result.certificate_id,
            guarantee=result.guarantee,
            degraded=result.degraded,
            cost_usd=result.usage.cost_usd,
            error=result.error.reason if result.error else "",
            problem=result.error.problem if result.error else "",
            parts=_parts_of(result),
        )

    @property
    def escalated(self) -> bool:
        """Return whether the large model answered."""
        return self.tier == "large"

    def repeated(self) -> Answer:
        """Return it as an equal record gets it: nothing was paid for that."""
        return replace(self, cost_usd=0.0)

    def to_json(self) -> str:
        """Return it as text for the journal; a float comes back the same."""
        return json.dumps(_values(self))

    @classmethod
    def from_json(cls, text: str) -> Answer:
        """Return what `to_json` wrote."""
        return cls(*json.loads(text))


def _parts_of(result: Result) -> str:
    """Return what is written of a record's parts; empty when it has none."""
    parts: object = None
    if result.cited or any(part.asked for part in result.parts):
        parts = {"passages": list(result.cited), "steps": _steps_of(result)}
    elif result.advice:
        parts = _advice_of(result)
    elif result.parts:
        parts = _columns_of(result)
    return json.dumps(parts, ensure_ascii=False) if parts else ""


def _advice_of(result: Result) -> list[dict[str, object]]:
    """Return what is written of the advice on an item of news."""
    names = ("perspective", "probability", "usefulness", "rationale")
    return [{name: getattr(each, name) for name in names} for each in result.advice]


def _steps_of(result: Result) -> list[dict[str, object]]:
    """Return what is written of the steps of a question, each with its answer or null."""
    return [
        {
            "step": number,
            "question": part.asked,
            "answer": None if part.answer in ("", NO_ANSWER) else part.answer,
            "passages": list(part.cited),
            "tier": part.tier,
            "degraded": part.error.reason if part.error else part.degraded,
        }
        for number, part in enumerate(result.parts, 1)
    ]


def _columns_of(result: Result) -> list[dict[str, object]]:
    """Return what is written of the columns of a table, each with its partner or null.

    The score is the belief in the partner, or that there is none.
    """
    prefix = column_id(result.record_id, "")
    return [
        {
            "column": part.record_id.removeprefix(prefix),
            "target": None if part.answer in ("", NO_MATCH) else part.answer,
            "score": dict(part.ranking).get(part.answer),
            "tier": part.tier,
            "degraded": part.error.reason if part.error else part.degraded,
        }
        for part in result.parts
    ]


def batch_of(answers: Sequence[Answer]) -> pa.RecordBatch:
    """Return answers as columns, in order; columns of few values are dictionaries."""
    columns = zip(*map(_values, answers), strict=True) if answers else [()] * len(SCHEMA)
    arrays = [_array(values, field) for values, field in zip(columns, SCHEMA, strict=True)]
    return pa.record_batch(arrays, schema=SCHEMA)


def _array(values: Sequence[object], field: pa.Field) -> pa.Array:
    if field.type != REPEATED:
        return pa.array(values, field.type)
    return pa.array(values, pa.string()).dictionary_encode()
