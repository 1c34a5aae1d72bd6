import asyncio

import pytest

from fakes.scripted_lm import ScriptedLm
from headgate.batch import paid
from headgate.batch.database import open_database
from headgate.batch.paid import JournalledEngine, PaidCalls
from headgate.errors import LmError
from headgate.lm.decide import LmRequest
from headgate.lm.faults import AnswerFault
from headgate.lm.ledger import Price
from headgate.lm.seam import RawAnswer
from headgate.types import Deadline, Usage

PRICE = Price(input_usd_per_million=1.0, output_usd_per_million=2.0)


@pytest.fixture
def calls(tmp_path):
    connection = open_database(tmp_path, paid.SCHEMA)
    yield PaidCalls(connection, tmp_path)
    connection.close()


def request_of(log: str, record_id: str = "1") -> LmRequest:
    return LmRequest(record_id, "Sort.", {"log": log}, ("disk", "net"))


async def answer_of(engine: JournalledEngine, request: LmRequest, fault: str = "") -> RawAnswer:
    return await engine.answer(request, Deadline.after(5), fault)


async def test_an_answer_is_asked_for_once_even_after_a_restart(calls):
    """Equal content is one question, whatever the id of its record."""
    first, second = ScriptedLm(), ScriptedLm()

    before = await answer_of(JournalledEngine(first, PRICE, calls), request_of("sda", "1"))
    after = await answer_of(JournalledEngine(second, PRICE, calls), request_of("sda", "2"))

    assert before == after
    assert (len(first.requests), len(second.requests)) == (1, 0)
    assert calls.total() == Usage(1, 10, 5, (10 * 1.0 + 5 * 2.0) / 1e6)


async def test_a_repair_is_a_question_of_its_own(calls):
    lm = ScriptedLm()
    engine = JournalledEngine(lm, PRICE, calls)

    for fault in ("", "invalid answer: empty", ""):
        await answer_of(engine, request_of("sda"), fault)

    assert len(lm.requests) == 2


async def test_recorded_answers_belong_to_an_id(calls):
    lm = ScriptedLm()
    lm.recorded = True
    engine = JournalledEngine(lm, PRICE, calls)

    for record_id in ("1", "2", "1"):
        await answer_of(engine, request_of("sda", record_id))

    assert [request.record_id for request in lm.requests] == ["1", "2"]


async def test_all_that_an_engine_told_comes_back(calls):
    told = RawAnswer("", None, 7, AnswerFault.TRUNCATED, log_prob=-0.1)
    calls.add(b"key", told, Usage(input_tokens=3, output_tokens=7, estimated=True))

    assert calls.find(b"key") == told
    assert calls.find(b"other") is None
    assert calls.total() == Usage(1, 3, 7, 0.0, estimated=True)


def test_a_job_begun_before_log_probabilities_were_kept_goes_on(tmp_path):
    """Its table lacks the column, and what is in it stays."""
    old_schema = paid.SCHEMA.replace(",\n    log_prob REAL", "")
    assert "log_prob" not in old_schema
    connection = open_database(tmp_path, old_schema)
    connection.execute("INSERT INTO calls VALUES (?, 'old', 1, 2, NULL, 1, 2, 0.5, 0, 1)", (b"a",))
    connection.commit()
    connection.close()

    connection = open_database(tmp_path, paid.SCHEMA)
    for _ in range(2):  # opened once more, it is complete
        calls = PaidCalls(connection, tmp_path)
    calls.add(b"b", RawAnswer("new", 3, 4, log_prob=-1.5), Usage(cost_usd=0.25))

    assert calls.find(b"a") == RawAnswer("old", 1, 2)
    assert calls.find(b"b") == RawAnswer("new", 3, 4, log_prob=-1.5)
    assert (calls.total().calls, calls.total().cost_usd) == (2, 0.75)
    connection.close()


async def test_a_call_that_failed_is_made_again(calls):
    def refuse(request: LmRequest) -> str:
        raise LmError("large model", "it is down", "Wait.")

    with pytest.raises(LmError):
        await answer_of(JournalledEngine(ScriptedLm(refuse), PRICE, calls), request_of("sda"))
    lm = ScriptedLm()
    await answer_of(JournalledEngine(lm, PRICE, calls), request_of("sda"))

    assert len(lm.requests) == 1
    assert calls.total().calls == 1


async def test_an_answer_that_has_arrived_is_kept_when_nobody_waits_any_more(calls):
    lm = ScriptedLm()
    engine = JournalledEngine(lm, PRICE, calls)
    asking = asyncio.create_task(answer_of(engine, request_of("held sda")))
    while not lm.active:
        await asyncio.sleep(0)

    lm.may_answer.set()
    await asyncio.sleep(0)  # the answer is on its way to the one who waits
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)

    assert calls.total().calls == 1


async def test_after_a_full_disk_nothing_more_is_bought(calls):
    """The stage would make an error of one record of it; whoever asked has to be told."""
    lm = ScriptedLm()
    engine = JournalledEngine(lm, PRICE, calls)
    calls.check()
    calls._connection.execute("PRAGMA max_page_count = 1")
    calls._connection.execute("PRAGMA query_only = 1")

    for _ in range(2):
        with pytest.raises(OSError, match="Read-only"):
            await answer_of(engine, request_of("sda"))

    assert len(lm.requests) == 1
    with pytest.raises(OSError, match="Read-only"):
        calls.check()
