import asyncio
import json
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domains.questions.answers import NO_ANSWER
from headgate.errors import (
    DeadlineError,
    LmAnswerError,
    LmRefusedError,
    ReplayMissError,
    StageError,
    UnavailableError,
)
from headgate.lm.large_model import LargeModel
from headgate.lm.ledger import Price
from headgate.lm.replay import ReplayEngine
from headgate.lm.seam import RawAnswer
from headgate.models.trust import Signs, Trust
from headgate.stages.contract import Batch
from headgate.stages.read import Read, Reader, signs_of
from headgate.types import Deadline, Hit, Prediction, Reading, Record, Usage

MILL = Hit("mill", 0.9, "It was built in 1902 for Ada Pell.", {"title": "Harbour Mill"})
ROOK = Hit("rook", 0.1, "A black bird.")
FAILED = StageError("stage 'found'", "the model failed", "Report it.")
LIKELY = math.log(0.8)
CLOSED = Reading(Prediction(("Ada Pell",), (0.4,)))
AGREEING = Trust((-1.0, 1.0, 0.5, 0.5, 0.5, 0.5), (1.0, 0.0, 1.0, 2.0, 0.0, 0.0))


class Answering:
    """Answers a question with what a function of the request says; "held" ones wait."""

    name, recorded = "scripted", False

    def __init__(self, answer=lambda request: "Ada Pell", log_prob=LIKELY):
        self.of, self.log_prob = answer, log_prob
        self.requests = []
        self.active = 0
        self.may_answer = asyncio.Event()

    async def answer(self, question, deadline, fault=""):
        self.requests.append(question)
        self.active += 1
        try:
            if question.question.startswith("held"):
                await self.may_answer.wait()
            said = self.of(question)
            if isinstance(said, Exception):
                raise said
            said = said if isinstance(said, dict) else {"answer": said}
            return RawAnswer(json.dumps(said), 10, 5, log_prob=self.log_prob)
        finally:
            self.active -= 1

    async def close(self):
        pass


def stage_of(engine, trust=None, **inputs):
    return Read(
        "direct",
        "slm",
        large_model=LargeModel(engine, price=Price(1.0, 2.0), backoff_s=(0, 0)),
        instruction="Answer briefly.",
        trust=trust or Trust.default(),
        **inputs,
    )


def asks(text, record_id=""):
    return Record(record_id or text, {"question": text})


def batch_of(*records, seconds=5.0, **columns):
    return Batch(records, Deadline.after(seconds), columns)


async def test_each_question_gets_its_answer_with_how_likely_it_is_right_and_its_price():
    stage = stage_of(Answering(lambda request: request.question.split()[0]))

    cells = await stage.run(batch_of(asks("one mill"), asks("two mills")))

    usage = Usage(1, 10, 5, pytest.approx(20e-6))
    assert cells == [
        Reading(Prediction((answer,), (pytest.approx(0.8),)), (), math.log(0.8), usage)
        for answer in ("one", "two")
    ]


async def test_the_model_is_asked_with_the_prompt_and_the_passages():
    engine = Answering(lambda request: {"answer": "Ada Pell", "passages": [2]})
    stage = stage_of(engine, evidence="found")

    (cell,) = await stage.run(batch_of(asks("Who?", "q1"), found=[(ROOK, MILL)]))

    (request,) = engine.requests
    assert stage.inputs == ("found",)
    assert (request.record_id, request.instruction) == ("q1", "Answer briefly.")
    assert (request.question, request.passages) == ("Who?", (ROOK, MILL))
    assert cell.passages == ("mill",)


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        pytest.param({}, (MILL,), id="not-named"),
        pytest.param({"evidence": "found"}, FAILED, id="failed"),
        pytest.param({"evidence": "found"}, (), id="none-found"),
    ],
)
async def test_without_passages_the_question_is_asked_alone(inputs, found):
    engine = Answering()

    (cell,) = await stage_of(engine, **inputs).run(batch_of(asks("Who?"), found=[found]))

    assert cell.prediction.answer == "Ada Pell"
    assert engine.requests[0].passages == ()


@pytest.mark.parametrize("said", ["", "Unknown"])
async def test_no_answer_is_never_right(said):
    stage = stage_of(Answering(lambda request: said, log_prob=0.0))

    (cell,) = await stage.run(batch_of(asks("Who?")))

    assert cell.prediction == Prediction((NO_ANSWER,), (0.0,))
    assert cell.log_prob == 0.0


async def test_an_answer_that_an_earlier_one_agrees_with_is_trusted_more():
    """Log-odds are -1 + 0.5 + 2 * agreement; an earlier one that failed is as usual, 0.5."""
    stage = stage_of(Answering(log_prob=-1.0), AGREEING, earlier="recall")
    other = Reading(Prediction(("the bank",), (0.9,)))

    cells = await stage.run(
        batch_of(asks("Who?"), asks("Whom?"), asks("For whom?"), recall=[CLOSED, other, FAILED])
    )

    assert stage.inputs == ("recall",)
    wanted = [1 / (1 + math.exp(-each)) for each in (1.5, -0.5, 0.5)]
    assert [cell.prediction.confidence for cell in cells] == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        pytest.param(LmRefusedError("llm", "no key", "Set it."), LmRefusedError, id="refused"),
        pytest.param({"reply": "so"}, LmAnswerError, id="no-answer-in-it"),
        pytest.param(UnavailableError("llm", "gone", "Wait."), UnavailableError, id="unavailable"),
        pytest.param(ValueError("saw 4711-secret"), StageError, id="bug-in-the-engine"),
    ],
)
async def test_a_question_the_model_fails_on_has_its_error_and_the_others_their_answer(
    failure, kind
):
    def answer(request):
        return failure if request.question.startswith("bad") else "Ada Pell"

    cells = await stage_of(Answering(answer)).run(
        batch_of(asks("a"), asks("bad 4711-secret"), asks("b"))
    )

    assert type(cells[1]) is kind
    assert "4711" not in str(cells[1])
    assert [cells[0].prediction.answer, cells[2].prediction.answer] == ["Ada Pell"] * 2


async def test_a_record_without_a_question_is_its_own_error():
    cells = await stage_of(Answering()).run(batch_of(Record("r", {"log": "4711"}), asks("a")))

    assert isinstance(cells[0], StageError)
    assert isinstance(cells[1], Reading)


async def test_recorded_answers_belong_to_record_ids():
    engine = ReplayEngine({"q1": RawAnswer('{"answer": "1902"}', log_prob=math.log(0.5))})

    cells = await stage_of(engine).run(batch_of(asks("When?", "q1"), asks("When?", "q2")))

    assert cells[0].prediction == Prediction(("1902",), (pytest.approx(0.5),))
    assert isinstance(cells[1], ReplayMissError)


async def test_equal_questions_are_paid_for_once():
    stage = stage_of(Answering())

    cells = await stage.run(batch_of(asks("Who?", "1"), asks("Who?", "2")))

    assert [cell.cached for cell in cells] == [False, True]
    assert cells[1].usage == Usage()
    assert cells[0].prediction == cells[1].prediction


async def test_questions_whose_time_is_over_have_a_deadline_error_each():
    engine = Answering()

    cells = await stage_of(engine).run(batch_of(asks("held"), asks("now"), seconds=0.05))

    assert isinstance(cells[0], DeadlineError)
    assert isinstance(cells[1], Reading)
    assert engine.active == 0


async def test_a_deadline_that_has_passed_calls_nobody():
    engine = Answering()

    (cell,) = await stage_of(engine).run(Batch([asks("a")], Deadline(time.monotonic() - 1), {}))

    assert isinstance(cell, DeadlineError)
    assert engine.requests == []


async def test_warming_up_costs_nothing():
    engine = Answering()

    await stage_of(engine).warm_up()

    assert engine.requests == []


def test_the_most_a_question_can_cost_grows_with_what_the_model_is_shown():
    stage = stage_of(Answering(), evidence="found")

    costs = [stage.largest_cost_usd(asks("a"), {"found": each}) for each in (FAILED, (), (MILL,))]

    assert 0 < costs[0] == costs[1] < costs[2]


def test_what_is_expected_is_what_one_call_would_take():
    stage = stage_of(Answering(), evidence="found")

    bare, shown = (stage.expected_usage(asks("a"), {"found": each}) for each in ((), (MILL,)))

    assert (bare.calls, bare.estimated) == (1, True)
    assert bare.input_tokens < shown.input_tokens


async def test_a_reader_can_be_asked_with_the_answers_to_steps():
    engine = Answering()
    reader = Reader(LargeModel(engine), "Conclude.", Trust.default())
    request = reader.request("q1/answer", "Whose mill?", steps=[("Which mill?", "Harbour Mill")])

    reading = await reader.read(request, Deadline.after(5))

    assert engine.requests == [request]
    assert request.steps == (("Which mill?", "Harbour Mill"),)
    assert reading.prediction.answer == "Ada Pell"


def test_what_speaks_for_an_answer_is_found_in_title_and_text():
    """Of Harbour, Mill, Ada and Rush all but the last are there; one of 4 + 2 words is shared."""
    signs = signs_of("Harbour Mill, Ada Rush", -0.2, passages=(ROOK, MILL), earlier=CLOSED)

    assert signs == Signs(-0.2, 4, 0.75, pytest.approx(2 * 1 / 6), 0.4)


@pytest.mark.parametrize("answer", ["Yes", "no."])
def test_yes_and_no_stand_in_no_passage(answer):
    assert signs_of(answer, None, passages=(MILL,), earlier=None) == Signs(None, 1)


def test_without_passages_nothing_can_cover_an_answer():
    assert signs_of("Ada Pell", -0.1, earlier=None) == Signs(-0.1, 2)


def test_an_answer_without_words_is_covered_by_nothing():
    assert signs_of("?!", -0.1, passages=(MILL,), earlier=CLOSED) == Signs(-0.1, 0, 0.0, 0.0, 0.4)


def test_a_stage_says_what_spoke_for_its_answer():
    stage = stage_of(Answering(), evidence="found", earlier="recall")
    reading = Reading(Prediction(("Ada Pell",), (0.7,)), ("mill",), -0.3)

    signs = stage.signs(reading, {"found": (MILL,), "recall": CLOSED})

    assert stage.inputs == ("found", "recall")
    assert signs == Signs(-0.3, 2, 1.0, 1.0, 0.4)


@given(answer=st.text(max_size=40), earlier=st.text(max_size=40), shown=st.text(max_size=40))
def test_signs_are_shares_whatever_is_said(answer, earlier, shown):
    reading = Reading(Prediction((earlier,), (0.5,)))

    signs = signs_of(answer, None, passages=(Hit("p", 0.0, shown),), earlier=reading)

    assert signs.covered is None or 0 <= signs.covered <= 1
    assert 0 <= signs.agrees <= 1
