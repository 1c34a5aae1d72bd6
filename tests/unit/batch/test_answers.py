import json
from dataclasses import fields

import pyarrow as pa

from headgate.batch.answers import SCHEMA, Answer, batch_of
from headgate.domains.questions.answers import NO_ANSWER
from headgate.domains.schemas.match_record import NO_MATCH
from headgate.errors import InputError
from headgate.types import Advice, Decision, GuaranteeState, Result, Step, Tier, Usage

JUDGED = Result(
    "1",
    "disk",
    0.75,
    Tier.LARGE,
    (
        Step("cheap_keep", "gate", Decision.ESCALATED, 0.1, 0.25),
        Step("keep", "gate", Decision.ESCALATED, 0.1, 0.5),
        Step("decide", "verify", Decision.ANSWERED, 0.1),
    ),
    rationale="because",
    usage=Usage(1, 10, 5, 0.5),
    certificate_id="c",
    guarantee=GuaranteeState.CERTIFIED,
    degraded="",
)
REFUSED = Result("2", error=InputError("here", "it is blank", "Write."))


def test_an_answer_says_what_the_result_does_with_the_last_gates_score():
    assert Answer.of(JUDGED) == Answer(
        "disk", 0.75, "large", 0.5, "because", "c", "certified", "", 0.5, "", ""
    )
    assert Answer.of(REFUSED) == Answer(
        "", 0.0, "", None, "", "", "uncertified", "", 0.0, "INPUT_INVALID", "it is blank"
    )


def test_an_answer_survives_the_journal():
    for result in (JUDGED, REFUSED):
        answer = Answer.of(result)
        assert Answer.from_json(answer.to_json()) == answer


def test_answers_are_columns_in_order():
    batch = batch_of([Answer.of(JUDGED), Answer.of(REFUSED), Answer.of(JUDGED).repeated()])

    assert batch.schema == SCHEMA
    assert batch["answer"].to_pylist() == ["disk", "", "disk"]
    assert batch["score"].to_pylist() == [0.5, None, 0.5]
    assert batch["cost_usd"].to_pylist() == [0.5, 0.0, 0.0]
    assert pa.types.is_dictionary(batch["tier"].type)
    assert len(batch["answer"].dictionary) == 2


def test_columns_are_the_fields_of_an_answer():
    assert SCHEMA.names == [field.name for field in fields(Answer)]


def test_no_answers_are_a_batch_without_rows():
    assert batch_of([]).schema == SCHEMA
    assert batch_of([]).num_rows == 0


def test_the_columns_of_a_table_are_told_with_their_partners():
    ranking = (("x", 0.7), (NO_MATCH, 0.3))
    columns = (
        Result("t/a", "x", tier=Tier.LARGE, ranking=ranking),
        Result("t/b/c", NO_MATCH, tier=Tier.SMALL, ranking=ranking, degraded="REPLAY_MISS"),
        Result("t/d", error=InputError("here", "no", "Write.")),
    )

    answer = Answer.of(Result("t", '{"a": "x"}', parts=columns))

    assert json.loads(answer.parts) == [
        {"column": "a", "target": "x", "score": 0.7, "tier": "large", "degraded": ""},
        {"column": "b/c", "target": None, "score": 0.3, "tier": "small", "degraded": "REPLAY_MISS"},
        {"column": "d", "target": None, "score": None, "tier": None, "degraded": "INPUT_INVALID"},
    ]
    assert Answer.from_json(answer.to_json()) == answer


def test_the_steps_of_a_question_are_told_with_their_answers():
    """A step that was not asked has no question in its words, and says why."""
    steps = (
        Result("q#1", "Ada Rook", 0.7, Tier.SMALL, asked="Who founded it?", cited=("mill", "quay")),
        Result("q#2", NO_ANSWER, tier=Tier.LARGE, asked="Where is Ada Rook?"),
        Result("q#3", "1902", tier=Tier.SMALL, asked="When?", degraded="BUDGET_EXHAUSTED"),
        Result("q#4", error=InputError("here", "no", "Write.")),
    )

    answer = Answer.of(Result("q", "1902", parts=steps, cited=("mill",)))

    keys = ("step", "question", "answer", "passages", "tier", "degraded")
    rows = [
        (1, "Who founded it?", "Ada Rook", ["mill", "quay"], "small", ""),
        (2, "Where is Ada Rook?", None, [], "large", ""),
        (3, "When?", "1902", [], "small", "BUDGET_EXHAUSTED"),
        (4, "", None, [], None, "INPUT_INVALID"),
    ]
    assert json.loads(answer.parts) == {
        "passages": ["mill"],
        "steps": [dict(zip(keys, row, strict=True)) for row in rows],
    }
    assert Answer.from_json(answer.to_json()) == answer


def test_the_passages_of_a_question_are_told_although_no_step_was_asked():
    answer = Answer.of(Result("q", "1902", 0.9, Tier.SMALL, cited=("mill", "quay")))

    assert json.loads(answer.parts) == {"passages": ["mill", "quay"], "steps": []}


def test_steps_are_written_in_the_letters_of_their_questions():
    parts = (Result("q#1", "Zürich", 0.7, Tier.SMALL, asked="哪里?"),)

    assert '"question": "哪里?", "answer": "Zürich"' in Answer.of(Result("q", parts=parts)).parts


def test_advice_on_news_is_told_in_the_order_of_the_perspectives():
    advice = (
        Advice("style", 0.75, "It shouts.", Usage(1, 10, 5, 0.5), usefulness=0.25),
        Advice("common_sense", 0.5, "", cached=True),
    )

    answer = Answer.of(Result("n", "fake", 0.9, Tier.LARGE, advice=advice))

    keys = ("perspective", "probability", "usefulness", "rationale")
    rows = [("style", 0.75, 0.25, "It shouts."), ("common_sense", 0.5, None, "")]
    assert json.loads(answer.parts) == [dict(zip(keys, row, strict=True)) for row in rows]
    assert Answer.from_json(answer.to_json()) == answer


def test_advice_is_written_in_the_letters_of_the_large_model():
    advice = (Advice("style", 0.5, "来源不明, über Zürich"),)

    assert '"rationale": "来源不明, über Zürich"' in Answer.of(Result("n", advice=advice)).parts


def test_an_answer_of_a_record_without_parts_tells_of_none():
    assert Answer.of(JUDGED).parts == ""
