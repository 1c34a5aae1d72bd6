from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.batch.purse import JobPurse
from headgate.cascade.payment import Purse
from headgate.errors import StageError
from headgate.gate.budget import Admission, BudgetLimits, Demand, Governor, Grant
from headgate.types import Judgement, Planned, PlanStep, Prediction, Reading, Usage

FREE = Judgement("disk", "", Usage())
READ = Reading(Prediction(("1901",), (0.8,)), usage=Usage(1, 10, 5, 0.03))
PLANNED = Planned((PlanStep(1, "Who?"),), usage=Usage(1, 10, 5, 0.03))


def purse(share: float | None = 0.2, usd_per_hour: float | None = None) -> JobPurse:
    """Return a purse whose clock stands still: money comes back no more."""
    limits = BudgetLimits(share, usd_per_hour, audit_share=0.0)
    return JobPurse(Purse(Governor(limits, now_s=lambda: 0.0)))


def ask(own: JobPurse, value: float = 0.5, usd: float = 0.0) -> Admission:
    return own.admit(Demand(value, usd, required=True), "")


def read(own: JobPurse, usd: float = 0.0) -> Admission:
    """Ask for a call of a small language model, of which no share is kept."""
    return own.admit(Demand(1.0, usd, required=True, calls=0), "")


def test_a_share_goes_on_where_it_was():
    """25 calls are there at first, ten records earn two more, and 20 are made."""
    before = purse()
    before.arrive("", 10)
    grants = [ask(before) for _ in range(20)]
    for each in grants:
        before.settle(each, FREE)

    after = purse()
    after.replay(before.take_events())

    assert [ask(after).grant for _ in range(8)] == [Grant.ESCALATE] * 7 + [Grant.EXHAUSTED]
    assert [ask(before).grant for _ in range(8)] == [Grant.ESCALATE] * 7 + [Grant.EXHAUSTED]


def test_what_was_given_back_is_given_back_again():
    before = purse()
    before.arrive("", 1)
    before.settle(ask(before), replace(FREE, cached=True))
    before.settle(ask(before), StageError("here", "it failed", "Look."))

    after = purse()
    after.replay(before.take_events())

    assert after.governor.snapshot().answers.calls == 1


def test_money_that_was_spent_is_spent_after_a_restart():
    """Six dollars an hour save up one dollar: three calls of 0.3, and no fourth."""
    before = purse(None, 6.0)
    for _ in range(3):
        before.settle(ask(before, usd=0.3), replace(FREE, usage=Usage(cost_usd=0.3)))

    after = purse(None, 6.0)
    after.replay(before.take_events())

    assert ask(after, usd=0.3).grant is Grant.EXHAUSTED
    assert ask(after, usd=0.05).grant is Grant.ESCALATE


def test_what_thousands_of_records_earn_at_once_is_not_lost():
    """A bucket holds 25 calls: of 1,000 records a fifth may be asked about, and 25 saved ones."""
    own = purse()
    own.arrive("", 1000)

    grants = [ask(own).grant for _ in range(300)]

    assert grants.count(Grant.ESCALATE) == 225
    own.arrive("", 10)
    assert [ask(own).grant for _ in range(3)] == [Grant.ESCALATE] * 2 + [Grant.EXHAUSTED]


def test_a_call_that_is_not_required_is_paid_by_records_rather_than_by_its_price():
    """The price rises when more is wanted than the records at hand have earned, and not before."""
    own = purse(0.5)
    own.arrive("", 40)

    grants = [own.admit(Demand(0.5, 0.0, required=False), "").grant for _ in range(60)]

    assert grants[:20] == [Grant.ESCALATE] * 20
    assert 20 < grants.count(Grant.ESCALATE) < 45


def test_a_grant_that_is_not_repeated_is_not_settled_either():
    """What time had brought back then is not there in a replay."""
    events = [("asked", 0.5, 0.9, True), ("settled", 0, 0.9, False)] * 3
    numbered = [
        (kind, place // 2, *rest) if kind == "settled" else (kind, first, *rest)
        for place, (kind, first, *rest) in enumerate(events)
    ]
    after = purse(None, 6.0)

    after.replay(numbered)

    assert after.governor.snapshot().answers.usd == pytest.approx(0.9)
    assert after.governor.snapshot().in_flight == 0


def test_a_call_that_was_never_settled_was_not_made():
    before = purse()
    ask(before)

    after = purse()
    after.replay(before.take_events())

    assert after.governor.snapshot().in_flight == 0
    assert after.governor.snapshot().answers.calls == 0


def test_events_are_told_once_and_a_replay_tells_none():
    before = purse()
    before.arrive("", 3)

    events = before.take_events()

    assert events == [("arrived", 3, 0.0, False)]
    assert before.take_events() == []
    before.replay(events)
    assert before.take_events() == []


def test_without_a_governor_there_is_nothing_to_tell():
    own = JobPurse(Purse())
    own.arrive("", 3)
    own.settle(ask(own), FREE)

    assert own.take_events() == []


def test_readings_take_money_of_a_job_and_no_share():
    own = purse(0.2, 6.0)
    own.arrive("", 10)

    for cell in (READ, PLANNED, StageError("here", "it failed", "Look."), None):
        own.settle(read(own, 0.1), cell)

    spent = own.governor.snapshot()
    assert (spent.answers.calls, spent.answers.usd) == (0, pytest.approx(0.03 + 0.03 + 0.2))
    assert own.take_events() == [
        ("arrived", 10, 0.0, False),
        ("read", 1.0, 0.1, True),
        ("settled", 0, 0.03, False),
        ("read", 1.0, 0.1, True),
        ("settled", 1, 0.03, False),
        ("read", 1.0, 0.1, True),
        ("lost", 2, 0.0, False),
        ("read", 1.0, 0.1, True),
        ("lost", 3, 0.0, False),
    ]


def test_readings_are_replayed_as_readings():
    """25 calls are there, and ten records earn two more: 30 readings take none of them."""
    before = purse(0.2, 60.0)
    before.arrive("", 10)
    for _ in range(30):
        before.settle(read(before, 0.1), READ)
    before.settle(ask(before), FREE)

    after = purse(0.2, 60.0)
    after.replay(before.take_events())

    found = after.governor.snapshot()
    assert (found.answers.calls, found.answers.usd) == (1, pytest.approx(0.9))
    assert [ask(after).grant for _ in range(27)] == [Grant.ESCALATE] * 26 + [Grant.EXHAUSTED]


def test_readings_that_a_cache_had_are_given_back_again():
    before = purse(0.2, 6.0)
    before.settle(read(before, 0.4), replace(READ, cached=True, usage=Usage()))
    before.settle(ask(before), FREE)

    after = purse(0.2, 6.0)
    after.replay(before.take_events())

    found = after.governor.snapshot().answers
    assert (found.calls, found.usd) == (1, 0.0)


def test_a_reading_that_was_never_settled_was_not_made_and_gives_back_no_call():
    before = purse(0.2, 6.0)
    for _ in range(3):
        before.settle(ask(before), FREE)
    read(before, 0.4)

    after = purse(0.2, 6.0)
    after.replay(before.take_events())

    found = after.governor.snapshot()
    assert (found.answers.calls, found.answers.usd, found.in_flight) == (3, 0.0, 0)


def test_readings_are_not_paid_with_what_records_earn():
    """What a thousand records earn at once is told out as calls need it, and not before."""
    grants = []
    for readings in (0, 500):
        own = purse(0.2)
        own.arrive("", 1000)
        for _ in range(readings):
            read(own)
        grants.append([ask(own).grant for _ in range(300)].count(Grant.ESCALATE))

    assert grants == [225, 225]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.lists(st.floats(0, 1), max_size=6), st.booleans()),
        max_size=12,
    )
)
def test_a_restart_changes_no_decision_of_a_share(blocks):
    whole, part, seen = purse(0.1), purse(0.1), []
    for records, values, cached in blocks:
        restarted = purse(0.1)
        restarted.replay(seen)
        assert _block(whole, records, values, cached) == _block(restarted, records, values, cached)
        _block(part, records, values, cached)
        seen += part.take_events()


def _block(own: JobPurse, records: int, values: list[float], cached: bool) -> list[Grant]:
    own.arrive("", records)
    admissions = [own.admit(Demand(value, 0.0, required=False), "") for value in values]
    for each in admissions:
        if each.grant is Grant.ESCALATE:
            own.settle(each, replace(FREE, cached=cached))
    return [each.grant for each in admissions]
