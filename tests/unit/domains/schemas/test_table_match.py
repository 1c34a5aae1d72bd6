import json

import pytest

from headgate.domains.schemas.columns import Column, Table
from headgate.domains.schemas.match_record import NO_MATCH, TableRecord
from headgate.domains.schemas.table_match import table_match
from headgate.domains.schemas.tables import ReadTable
from headgate.errors import DeadlineError, StageError
from headgate.matches import Abstention, MatchCandidate
from headgate.types import Decision, GuaranteeState, Hit, Result, Step, Tier, Usage

SOURCE = Table("orders", (Column("id"), Column("town"), Column("")))
TARGET = Table("target", (Column("order_id"), Column("city")))
RECORD = TableRecord("orders", {}, source=SOURCE, target=TARGET)


def part(*ranking, **known):
    return Result("any", ranking=ranking, **known)


def matched(*parts, pairs=None, record=RECORD, **known):
    answer = json.dumps(pairs or {})
    return table_match(record, Result(record.id, answer, parts=parts, **known))


def test_each_column_has_its_place_name_and_partner():
    empty = part()

    match = matched(empty, empty, empty, pairs={"id": "order_id", "column 3": "city"})

    assert [(each.id, each.name, each.index) for each in match.columns] == [
        ("id", "id", 0),
        ("town", "town", 1),
        ("column 3", "", 2),
    ]
    assert match.pairs == {"id": "order_id", "column 3": "city"}
    assert match.name == "orders"


@pytest.mark.parametrize(
    ("second", "abstention"),
    [
        pytest.param(part(("city", 0.4), (NO_MATCH, 0.6)), Abstention.NONE_FITS, id="none-fits"),
        pytest.param(part(), Abstention.NONE_FITS, id="no-candidates"),
        pytest.param(part(("order_id", 0.9), ("city", 0.1)), Abstention.TAKEN, id="taken"),
        pytest.param(part(("city", 0.3), ("order_id", 0.2)), Abstention.UNLIKELY, id="unlikely"),
        pytest.param(part(error=StageError("a", "b", "c")), None, id="error"),
    ],
)
def test_a_column_without_a_partner_says_why(second, abstention):
    first, _, third = matched(part(), second, part(), pairs={"id": "order_id"}).columns

    column = matched(part(), second, part(), pairs={"id": "order_id"}).columns[1]
    assert column.abstention is abstention
    assert column.target is None
    assert column.error is second.error
    assert (first.target, first.abstention) == ("order_id", None)
    assert third.abstention is Abstention.NONE_FITS


def test_candidates_keep_the_ranking_and_bring_what_speaks_for_them():
    hits = (
        Hit("city", 0.5, "city", {"name_similarity": "0.25", "value_overlap": "0"}),
        Hit("order_id", -0.1, "order_id", {"large_score": "1.0"}),
    )
    ranking = (("order_id", 0.5), ("city", 0.25), (NO_MATCH, 0.25))

    column = matched(part(*ranking, evidence=hits), part(), part()).columns[0]

    assert column.candidates == (
        MatchCandidate("order_id", 0.5, similarity=-0.1, large_score=1.0),
        MatchCandidate("city", 0.25, similarity=0.5, name_similarity=0.25, value_overlap=0.0),
    )
    assert column.none_score == 0.25


def test_a_candidate_without_evidence_has_its_score_alone():
    column = matched(part(("city", 0.5)), part(), part()).columns[0]

    assert column.candidates == (MatchCandidate("city", 0.5),)
    assert column.none_score is None


def test_how_a_column_was_answered_is_passed_on():
    step = Step("gate", "gate", Decision.KEPT, 1.0, score=0.9)
    known = {
        "confidence": 0.9,
        "tier": Tier.LARGE,
        "path": (step,),
        "rationale": "Both name towns.",
        "usage": Usage(1, 20, 3, 0.5),
        "certificate_id": "c",
        "guarantee": GuaranteeState.CERTIFIED,
        "degraded": "LARGE_MODEL_FAILED",
        "cached": True,
    }

    column = matched(part(**known), part(), part()).columns[0]

    assert {name: getattr(column, name) for name in known} == known


def test_usage_is_the_sum_over_the_columns():
    one = part(usage=Usage(1, 20, 3, 0.5))

    assert matched(one, part(), one).usage == Usage(2, 40, 6, 1.0)


def test_what_was_done_to_read_the_tables_is_told():
    read = ReadTable("t", (Column("a"),), ragged_rows=2, truncated=True, lossy=True)
    record = TableRecord("t", {}, lossy=True, source=read, target=ReadTable("u", (), ragged_rows=1))

    match = matched(part(), record=record)

    assert match.lossy_input
    assert match.notes == (
        "rows with more or fewer cells than there are columns: 2",
        "only the first 100000 rows were read",
        "bytes that are not text in its encoding were replaced",
        "target: rows with more or fewer cells than there are columns: 1",
    )


def test_a_table_without_an_answer_has_its_error_and_no_columns():
    error = DeadlineError("table", "too late", "Wait.")

    match = table_match(RECORD, Result("orders", error=error, degraded="x"))

    assert (match.error, match.columns, match.degraded) == (error, (), "x")


def test_results_that_are_not_one_a_column_are_a_bug():
    with pytest.raises(ValueError, match="This is a bug"):
        matched(part())
