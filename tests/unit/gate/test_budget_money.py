"""Calls that money alone limits, such as those of a small language model that reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.gate.budget import Admission, BudgetLimits, Demand, Governor, Grant, Spending

ESCALATE, KEEP, EXHAUSTED = Grant.ESCALATE, Grant.KEEP, Grant.EXHAUSTED


def governor(*, audit_share=0.0, per_caller=None, **limits):
    """Return one whose clock stands still: nothing is earned."""
    budget = BudgetLimits(audit_share=audit_share, **limits)
    own = None if per_caller is None else BudgetLimits(audit_share=0.0, **per_caller)
    return Governor(budget, per_caller=own, now_s=lambda: 0.0)


def reading(cost_usd=1.0, value=1.0, *, required=True):
    return Demand(value, cost_usd, required=required, calls=0)


def call(cost_usd=0.0):
    return Demand(1.0, cost_usd, required=True)


def levels(found):
    snapshot = found.snapshot()
    gauges = (snapshot.calls, snapshot.usd)
    return tuple(None if gauge is None else gauge.level for gauge in gauges)


def test_a_demand_is_one_call_unless_it_says_otherwise():
    assert (Demand(0.5, 1.0, required=True).calls, Admission(KEEP).calls) == (1, 1)


def test_a_reading_takes_money_and_nothing_of_a_share():
    """25 calls are saved up, and ten dollars."""
    both = governor(llm_share=0.5, usd_per_hour=60)

    admission = both.admit(reading(3.0), "")

    assert (admission.grant, admission.reserved_usd, admission.calls) == (ESCALATE, 3.0, 0)
    assert levels(both) == (pytest.approx(25), pytest.approx(7))
    assert both.snapshot().answers == Spending(0, 3.0)
    assert both.snapshot().in_flight == 1


def test_a_share_of_nothing_lets_readings_pass():
    share = governor(llm_share=0.0)

    assert share.admit(reading(), "").grant is ESCALATE
    assert share.admit(call(), "").grant is EXHAUSTED


def test_readings_leave_the_price_of_a_call_where_it_is():
    """Only what a call may be worth takes from the share, and so only that makes it dearer."""
    share = governor(llm_share=0.5)

    for _ in range(100):
        share.admit(reading(), "")

    assert share.snapshot().calls.price == 0
    assert share.admit(Demand(0.01, 0.0, required=False), "").grant is ESCALATE


def test_without_money_a_reading_is_not_made():
    """A dollar an hour saves up a sixth of one."""
    money = governor(llm_share=0.5, usd_per_hour=1)

    grants = [money.admit(reading(0.1), "").grant for _ in range(2)]

    assert grants == [ESCALATE, EXHAUSTED]
    assert (money.snapshot().exhausted, levels(money)[0]) == (1, pytest.approx(25))


def test_a_reading_that_nobody_requires_is_made_when_it_is_worth_its_price():
    money = governor(usd_per_hour=60)

    assert money.admit(reading(1.0, 0.0, required=False), "").grant is KEEP
    assert money.admit(reading(1.0, 0.5, required=False), "").grant is ESCALATE


def test_a_reading_that_costs_nothing_is_made_when_nothing_is_left():
    money = governor(llm_share=0.0, usd_per_hour=6)
    money.admit(reading(1.0), "")

    assert levels(money) == (0, pytest.approx(0))
    assert money.admit(reading(0.0), "").grant is ESCALATE


def test_what_a_reading_did_not_cost_comes_back_as_money():
    both = governor(llm_share=0.5, usd_per_hour=60)
    admission = both.admit(reading(3.0), "")

    both.settle(admission, 1.0)

    assert levels(both) == (pytest.approx(25), pytest.approx(9))
    assert (both.snapshot().answers, both.snapshot().in_flight) == (Spending(0, 1.0), 0)


def test_a_reading_that_was_never_sent_gives_back_no_call():
    """Had it given one back, a share would have grown by answers that a cache had."""
    both = governor(llm_share=0.5, usd_per_hour=60)
    for _ in range(3):
        both.admit(call(), "")
    admission = both.admit(reading(3.0), "")

    both.cancel(admission)

    assert levels(both) == (pytest.approx(22), pytest.approx(10))
    assert (both.snapshot().answers, both.snapshot().in_flight) == (Spending(3, 0.0), 3)


def test_a_callers_share_pays_no_readings_and_its_money_does():
    both = governor(per_caller={"llm_share": 0.0, "usd_per_hour": 6})

    assert both.admit(call(), "one").grant is EXHAUSTED
    grants = [both.admit(reading(0.6), caller).grant for caller in ("one", "one", "two")]

    assert grants == [ESCALATE, EXHAUSTED, ESCALATE]


def test_an_audit_by_readings_takes_money_of_the_audits_alone():
    """A tenth of ten dollars, and a tenth of 25 calls."""
    both = governor(llm_share=0.5, usd_per_hour=60, audit_share=0.1)

    admission = both.admit_audit(0.4, calls=0)

    found = both.snapshot()
    assert (admission.calls, admission.audit) == (0, True)
    assert found.usd.audit_level == pytest.approx(0.6)
    assert found.calls.audit_level == pytest.approx(2.5)
    assert (found.audits, found.answers) == (Spending(0, 0.4), Spending())


def test_an_audit_by_readings_is_given_back_and_refused_by_its_money():
    both = governor(llm_share=0.0, usd_per_hour=60, audit_share=0.1)

    both.cancel(both.admit_audit(1.0, calls=0))
    grants = [both.admit_audit(0.6, calls=0) is not None for _ in range(2)]

    assert grants == [True, False]
    assert both.snapshot().audits == Spending(0, 0.6)
    assert both.admit_audit(0.0) is None, "there is no share for a call"


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 3), st.sampled_from("skc")), max_size=30))
def test_whatever_happens_what_was_booked_is_what_is_missing(events):
    """Each demand is settled at half its cost, left open, or cancelled."""
    both = governor(llm_share=0.5, usd_per_hour=60)
    calls, usd = 0, 0.0
    for reads, cost_usd, end in events:
        demand = reading(cost_usd) if reads else call(cost_usd)
        admission = both.admit(demand, "")
        if admission.grant is not ESCALATE:
            continue
        if end == "s":
            both.settle(admission, cost_usd / 2)
        if end == "c":
            both.cancel(admission)
        calls += 0 if reads or end == "c" else 1
        usd += {"s": cost_usd / 2, "k": cost_usd, "c": 0.0}[end]

    assert both.snapshot().answers == Spending(calls, pytest.approx(usd, abs=1e-9))
    assert levels(both) == (pytest.approx(25 - calls), pytest.approx(10 - usd, abs=1e-9))
