import asyncio
import time
from email.utils import formatdate

import pytest

from fakes.openai_endpoint import (
    busy,
    decides,
    drips_body,
    drips_headers,
    fails,
    floods,
    gzip_bomb,
    half_closes,
    hangs,
    redirects,
    resets,
    says,
    says_label,
    sends,
    sends_json,
    waits_for,
)
from headgate.errors import DeadlineError, LmAnswerError, LmError, LmRefusedError
from headgate.lm.decide import Decided
from headgate.lm.large_model import LargeModel
from headgate.lm.ledger import Price
from headgate.lm.seam import Completion, RawAnswer, TransientLmError
from headgate.types import Deadline, Usage

SOON_S = 0.2
DISK = says_label("disk")


def later():
    return Deadline.after(5)


async def test_a_valid_answer_comes_back_with_its_price(serve, ask):
    model, _ = await serve(DISK, price=Price(1.0, 2.0))

    completion = await model.complete_one(ask(), later())

    assert completion.value == Decided("disk", "because")
    assert not completion.cached
    assert completion.usage == Usage(1, 10, 5, pytest.approx(20e-6))
    assert completion.latency_s > 0


async def test_a_batch_keeps_its_order_and_one_failure_stays_alone(serve, ask):
    """The endpoint knows two labels and refuses to decide about the second record."""
    model, _ = await serve(decides(lambda request: request.user.split("\n")[1]))

    outcomes = await model.complete([ask("disk"), ask("unclear"), ask("net")], later())

    assert [type(outcome) for outcome in outcomes] == [Completion, LmAnswerError, Completion]
    assert (outcomes[0].value.answer, outcomes[2].value.answer) == ("disk", "net")


async def test_an_empty_batch_makes_no_call(serve):
    model, endpoint = await serve(DISK)

    assert await model.complete([], later()) == []
    assert endpoint.requests == []


class CountingEngine:
    """Answers at once, and counts how many callers it has at a time."""

    name = "counting"
    recorded = False

    def __init__(self):
        self.active = self.most_active = 0

    async def answer(self, request, deadline, fault=""):
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        await asyncio.sleep(0)
        self.active -= 1
        return RawAnswer("Label: disk", 1, 1)

    async def close(self):
        """Hold nothing."""


@pytest.mark.parametrize("allowed", [1, 2, 5])
async def test_no_more_calls_run_at_once_than_allowed(ask, allowed):
    engine = CountingEngine()
    model = LargeModel(engine, max_concurrency=allowed)

    outcomes = await model.complete([ask(str(n)) for n in range(20)], later())

    assert [outcome.value.answer for outcome in outcomes] == ["disk"] * 20
    assert engine.most_active == allowed


class WeighingEngine:
    """Gives its answers one after the other, each with a log-probability."""

    name = "weighing"
    recorded = False

    def __init__(self, *answers):
        self._answers = list(answers)

    async def answer(self, request, deadline, fault=""):
        text, log_prob = self._answers.pop(0)
        return RawAnswer(text, 1, 1, log_prob=log_prob)

    async def close(self):
        """Hold nothing."""


@pytest.mark.parametrize(
    ("answers", "log_prob"),
    [
        pytest.param([("Label: disk", -0.5)], -0.5, id="at-once"),
        pytest.param([("Label: other", -0.1), ("Label: disk", -2.0)], -2.0, id="repaired"),
        pytest.param([("Label: other", -0.1), ("Label: disk", None)], None, id="not-told"),
    ],
)
async def test_the_log_probability_is_that_of_the_answer_that_was_accepted(ask, answers, log_prob):
    model = LargeModel(WeighingEngine(*answers))

    first, again = [await model.complete_one(ask(), later()) for _ in range(2)]

    assert (first.log_prob, again.log_prob, again.cached) == (log_prob, log_prob, True)


class TestRetry:
    @pytest.mark.parametrize(
        "trouble",
        [
            pytest.param(busy(), id="429"),
            pytest.param(busy(retry_after="abc"), id="429-garbage-retry-after"),
            pytest.param(fails("500 Internal Server Error"), id="500"),
            pytest.param(fails("503 Service Unavailable", Retry_After="0"), id="503"),
            pytest.param(resets, id="reset"),
            pytest.param(half_closes, id="half-close"),
        ],
    )
    async def test_trouble_is_tried_once_more(self, serve, ask, trouble):
        model, endpoint = await serve(trouble, DISK)

        completion = await model.complete_one(ask(), later())

        assert (completion.value.answer, completion.usage.calls) == ("disk", 2)
        assert len(endpoint.requests) == model.ledger.total().calls == 2

    async def test_two_attempts_are_all(self, serve, ask):
        model, endpoint = await serve(fails("500 Internal Server Error"))

        with pytest.raises(TransientLmError):
            await model.complete_one(ask(), later())

        assert len(endpoint.requests) == model.ledger.total().calls == 2

    async def test_a_refusal_is_not_tried_again(self, serve, ask):
        model, endpoint = await serve(fails("401 Unauthorized"))

        with pytest.raises(LmRefusedError):
            await model.complete_one(ask(), later())

        assert len(endpoint.requests) == 1

    @pytest.mark.slow
    async def test_no_call_is_made_before_the_seconds_of_retry_after_have_passed(self, serve, ask):
        model, endpoint = await serve(busy(retry_after="1"), DISK)

        await model.complete_one(ask(), later())

        first, second = (request.at_s for request in endpoint.requests)
        assert second - first >= 1.0

    @pytest.mark.slow
    async def test_no_call_is_made_before_the_date_of_retry_after(self, serve, ask):
        date_s = int(time.time()) + 2  # dates have whole seconds
        model, _ = await serve(busy(retry_after=formatdate(date_s, usegmt=True)), DISK)

        await model.complete_one(ask(), later())

        assert time.time() >= date_s

    async def test_a_retry_after_beyond_the_deadline_fails_at_once(self, serve, ask):
        model, endpoint = await serve(busy(retry_after="60"), DISK)

        with pytest.raises(TransientLmError, match="HTTP 429"):
            await model.complete_one(ask(), later())

        assert len(endpoint.requests) == 1

    async def test_a_pause_beyond_the_deadline_fails_at_once(self, serve, ask):
        model, endpoint = await serve(fails("500 Oops"), DISK, backoff_s=(60.0, 60.0))

        with pytest.raises(TransientLmError):
            await model.complete_one(ask(), later())

        assert len(endpoint.requests) == 1


INVALID = [
    pytest.param(sends("<html></html>", content_type="text/html"), "not_json", id="html"),
    pytest.param(sends(""), "not_json", id="empty"),
    pytest.param(sends('{"choices": ['), "not_json", id="truncated-envelope"),
    pytest.param(sends_json({"choices": []}), "no_choices", id="no-choices"),
    pytest.param(says(None), "empty", id="null-content"),
    pytest.param(says(None, message={"refusal": "no"}), "refusal", id="refusal"),
    pytest.param(says("{", finish_reason="length"), "truncated", id="length"),
    pytest.param(says("", finish_reason="content_filter"), "content_filter", id="filter"),
    pytest.param(says('{"answer": "disk"}'), "label_missing", id="wrong-schema"),
    pytest.param(says_label("other"), "label_not_in_set", id="out-of-set"),
    pytest.param(says('{"label":"disk","label":"net"}'), "duplicate_key", id="duplicate-keys"),
    pytest.param(says("[" * 100_000), "not_json", id="deep"),
    pytest.param(says('{"label":' + "[" * 100_000), "too_deep", id="deep-label"),
    pytest.param(gzip_bomb(50_000_000), "encoded", id="gzip-bomb"),
    pytest.param(floods(200_000_000), "too_large", id="flood"),
]


class TestRepair:
    @pytest.mark.parametrize(("invalid", "fault"), INVALID)
    async def test_an_invalid_answer_gets_a_second_chance(self, serve, ask, invalid, fault):
        model, endpoint = await serve(invalid, DISK)

        completion = await model.complete_one(ask(), later())

        assert (completion.value.answer, completion.usage.calls) == ("disk", 2)
        assert f"(invalid answer: {fault})" in endpoint.requests[1].system
        assert fault not in endpoint.requests[1].user

    @pytest.mark.parametrize(("invalid", "fault"), INVALID)
    async def test_a_second_invalid_answer_is_an_error(self, serve, ask, invalid, fault):
        model, endpoint = await serve(invalid)

        with pytest.raises(LmAnswerError, match=f"invalid answer: {fault}"):
            await model.complete_one(ask(), later())

        assert len(endpoint.requests) == 2

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param('{"reason": "x", "label": "disk"} Glad to help.', id="trailing-prose"),
            pytest.param('```json\n{"reason": "x", "label": "disk"}\n```', id="fences"),
            pytest.param("Reason: x\nLabel: Disk.", id="free-text"),
        ],
    )
    async def test_a_sloppy_but_clear_answer_needs_none(self, serve, ask, content):
        model, _ = await serve(says(content))

        assert (await model.complete_one(ask(), later())).usage.calls == 1

    async def test_the_tokens_of_an_invalid_answer_are_paid(self, serve, ask):
        model, _ = await serve(says("{", finish_reason="length"), DISK)

        completion = await model.complete_one(ask(), later())

        assert completion.usage == Usage(2, 20, 10) == model.ledger.total()

    async def test_three_calls_are_the_most_a_request_can_cost(self, serve, ask):
        model, endpoint = await serve(resets, says("nonsense"), resets)

        with pytest.raises(TransientLmError):
            await model.complete_one(ask(), later())

        assert len(endpoint.requests) == 3


class TestDeadline:
    @pytest.mark.parametrize(
        "reply",
        [
            pytest.param(hangs, id="hang"),
            pytest.param(drips_body(0.01), id="drip-body"),
            pytest.param(drips_headers(0.01), id="drip-headers"),
        ],
    )
    async def test_the_deadline_is_total_and_leaves_no_connection(self, serve, ask, reply):
        model, endpoint = await serve(reply)

        with pytest.raises(DeadlineError, match="no answer before the deadline"):
            await model.complete_one(ask(), Deadline.after(SOON_S))

        await asyncio.wait_for(endpoint.until_idle(), 2)
        assert model.ledger.total().calls == 1

    async def test_a_deadline_that_has_passed_makes_no_call(self, serve, ask):
        model, endpoint = await serve(DISK)

        [outcome] = await model.complete([ask()], Deadline.after(-1))

        assert isinstance(outcome, DeadlineError)
        assert endpoint.requests == []

    async def test_a_slow_record_does_not_hold_the_others(self, serve, ask):
        model, _ = await serve(DISK, hangs)
        await model.complete_one(ask("known"), later())

        outcomes = await model.complete([ask("known"), ask("slow")], Deadline.after(SOON_S))

        assert [type(outcome) for outcome in outcomes] == [Completion, DeadlineError]

    async def test_a_cancelled_caller_closes_its_connection(self, serve, ask):
        model, endpoint = await serve(hangs)
        caller = asyncio.create_task(model.complete([ask()], later()))
        await endpoint.until_requests(1)

        caller.cancel()

        await asyncio.wait_for(endpoint.until_idle(), 2)
        assert model.ledger.total().calls == 1


class TestCache:
    async def test_equal_content_is_asked_once(self, serve, ask):
        model, endpoint = await serve(DISK)
        await model.complete_one(ask(record_id="r1"), later())

        again = await model.complete_one(ask(record_id="r2"), later())

        assert again == Completion(Decided("disk", "because"), Usage(), 0.0, cached=True)
        assert len(endpoint.requests) == model.ledger.account("fake").cache_hits == 1

    async def test_a_hundred_equal_requests_at_once_make_one_call(self, serve, ask):
        model, endpoint = await serve(DISK)

        outcomes = await model.complete([ask()] * 100, later())

        assert {outcome.value.answer for outcome in outcomes} == {"disk"}
        assert sum((outcome.usage for outcome in outcomes), Usage()) == model.ledger.total()
        assert (len(endpoint.requests), model.ledger.account("fake").cache_hits) == (1, 99)

    async def test_errors_are_not_cached(self, serve, ask):
        model, _ = await serve(fails("404 Not Found"), DISK)
        [failed] = await model.complete([ask()], later())

        assert isinstance(failed, LmRefusedError)
        assert (await model.complete_one(ask(), later())).value.answer == "disk"

    async def test_each_waiter_keeps_its_own_deadline(self, serve, ask):
        gate = asyncio.Event()
        model, endpoint = await serve(waits_for(gate, DISK))
        patient = asyncio.create_task(model.complete_one(ask(), later()))
        await endpoint.until_requests(1)

        with pytest.raises(DeadlineError):
            await model.complete_one(ask(), Deadline.after(0.05))
        gate.set()

        assert (await patient).value.answer == "disk"
        assert len(endpoint.requests) == 1


async def test_errors_are_booked_by_their_reason(serve, ask):
    model, _ = await serve(fails("403 Forbidden"), says_label("other"))

    await model.complete([ask()], later())
    await model.complete([ask()], later())
    await model.complete([ask()], Deadline.after(-1))

    assert model.ledger.account("fake").errors == {
        "LARGE_MODEL_REFUSED": 1,
        "LARGE_MODEL_ANSWER_INVALID": 1,
        "DEADLINE_EXCEEDED": 1,
    }


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(
            fails("401 Unauthorized", body='{"error": "sk-canary payload-canary"}'), id="401"
        ),
        pytest.param(fails("500 Oops", body="payload-canary"), id="500"),
        pytest.param(says("payload-canary"), id="invalid"),
        pytest.param(redirects("http://payload-canary/"), id="redirect"),
        pytest.param(resets, id="reset"),
    ],
)
async def test_no_error_holds_a_key_a_payload_or_a_host(serve, ask, reply):
    model, _ = await serve(reply)

    with pytest.raises(LmError) as caught:
        await model.complete_one(ask("payload-canary"), later())

    shown = f"{caught.value!s} {caught.value!r}"
    assert not [word for word in ("canary", "127.0.0.1", "sk-") if word in shown]
