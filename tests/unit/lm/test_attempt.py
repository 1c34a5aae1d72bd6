import asyncio

import pytest

from fakes.scripted_reader import CALL, ScriptedReader, reading_model
from headgate.errors import DeadlineError, LmRefusedError
from headgate.lm.faults import AnswerFault
from headgate.lm.large_model import Attempt, LargeModel
from headgate.lm.read import ReadAnswer, ReadRequest
from headgate.lm.seam import RawAnswer, TransientLmError
from headgate.types import Deadline, Usage

REQUEST = ReadRequest("q1", "Answer.", "When?")
REFUSED = LmRefusedError("endpoint", "it refuses the key", "Set another one.")
BUSY = TransientLmError("endpoint", "it is busy", "Try again.")


def soon():
    return Deadline.after(5)


def saying(*answers):
    """Return a model that says these one after the other, and its engine."""
    left = [*answers]
    engine = ScriptedReader(lambda request: left.pop(0))
    return reading_model(engine), engine


async def test_an_attempt_has_the_text_beside_what_it_says():
    model, _ = saying('{"answer": "1901"}')

    found = await model.attempt(REQUEST, soon())

    assert found == Attempt('{"answer": "1901"}', ReadAnswer("1901", ()), "", CALL)


async def test_an_invalid_answer_is_kept_and_not_repaired():
    model, engine = saying("{", '{"answer": "1901"}')

    found = await model.attempt(REQUEST, soon())

    assert (found.text, found.value) == ("{", None)
    assert found.problem.startswith("invalid answer: ")
    assert found.usage == model.ledger.total() == CALL
    assert len(engine.requests) == 1


async def test_each_attempt_is_asked_for_anew():
    model, engine = saying('{"answer": "1901"}', '{"answer": "1902"}')

    await model.complete_one(REQUEST, soon())
    found = await model.attempt(REQUEST, soon())

    assert found.value.answer == "1902"
    assert len(engine.requests) == 2


async def test_equal_attempts_at_one_time_are_two_calls():
    model, _ = saying('{"answer": "1901"}', '{"answer": "1902"}')

    found = await asyncio.gather(*(model.attempt(REQUEST, soon()) for _ in range(2)))

    assert {each.value.answer for each in found} == {"1901", "1902"}


async def test_what_the_endpoint_could_not_answer_is_sent_once_more():
    model, _ = saying(BUSY, '{"answer": "1901"}')

    found = await model.attempt(REQUEST, soon())

    assert found.value.answer == "1901"
    assert found.usage == CALL + Usage(calls=1)


async def test_an_endpoint_that_refuses_is_an_error_and_no_attempt():
    model, _ = saying(REFUSED)

    with pytest.raises(LmRefusedError):
        await model.attempt(REQUEST, soon())

    account = model.ledger.account("scripted")
    assert account.usage == Usage(calls=1)
    assert account.errors == {"LARGE_MODEL_REFUSED": 1}


async def test_an_answer_that_comes_too_late_is_a_deadline_error():
    engine = ScriptedReader(lambda request: {"answer": "1901"})
    held = ReadRequest("q1", "Answer.", "held back")

    with pytest.raises(DeadlineError):
        await reading_model(engine).attempt(held, Deadline.after(0.02))

    assert engine.active == 0


class CutOff:
    """Answers with what an endpoint cut off."""

    name = "cut"
    recorded = False

    async def answer(self, question, deadline, fault=""):
        return RawAnswer('{"answer": "19', 10, 5, fault=AnswerFault.TRUNCATED)

    async def close(self):
        """Do nothing."""


async def test_an_answer_that_was_cut_off_is_not_usable():
    found = await LargeModel(CutOff()).attempt(REQUEST, soon())

    assert (found.value, found.problem) == (None, "invalid answer: truncated")
    assert found.text == '{"answer": "19'
