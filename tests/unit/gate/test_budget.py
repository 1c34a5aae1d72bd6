import math
import threading

import numpy as np
import pytest

from headgate.gate.buckets import Allowance, Unit
from headgate.gate.budget import (
    Admission,
    BudgetLimits,
    Demand,
    Governor,
    Grant,
    Spending,
)

ESCALATE, KEEP, EXHAUSTED = Grant.ESCALATE, Grant.KEEP, Grant.EXHAUSTED


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.s = 0.0

    def __call__(self):
        return self.s


@pytest.fixture
def clock():
    return Clock()


def required(cost_usd=1.0):
    return Demand(value=0, cost_usd=cost_usd, required=True)


def optional(value, cost_usd=1.0):
    return Demand(value, cost_usd, required=False)


def dollars(burst_usd, *, usd_per_hour=3600, audit_share=0.0):
    """A dollar a second, none of it for audits."""
    return BudgetLimits(usd_per_hour=usd_per_hour, burst_usd=burst_usd, audit_share=audit_share)


def grants(governor, demand, caller="", times=1):
    return [governor.admit(demand, caller).grant for _ in range(times)]


def test_limits_are_split_between_answers_and_audits():
    limits = BudgetLimits(llm_share=0.2, usd_per_hour=3600, burst_usd=20, audit_share=0.25)

    assert limits.for_answers() == {
        Unit.CALLS: Allowance(pytest.approx(0.15), pytest.approx(18.75)),
        Unit.USD: Allowance(pytest.approx(0.75), pytest.approx(15)),
    }
    assert limits.for_audits() == {
        Unit.CALLS: Allowance(pytest.approx(0.05), pytest.approx(6.25)),
        Unit.USD: Allowance(pytest.approx(0.25), pytest.approx(5)),
    }


def test_ten_minutes_of_money_are_saved_up_unless_another_burst_is_stated():
    limits = BudgetLimits(usd_per_hour=6, audit_share=0.1)

    assert limits.for_answers()[Unit.USD].capacity == pytest.approx(0.9)
    assert limits.for_audits()[Unit.USD].capacity == pytest.approx(0.1)


def test_a_small_share_for_audits_still_holds_one_call():
    assert BudgetLimits(llm_share=0.1, audit_share=0.01).for_audits()[Unit.CALLS].capacity == 1


def test_a_share_of_nothing_holds_no_call():
    governor = Governor(BudgetLimits(llm_share=0))

    governor.arrive("")

    assert grants(governor, required()) == [EXHAUSTED]
    assert grants(governor, optional(1)) == [KEEP]
    assert governor.admit_audit(0) is None


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        pytest.param({"llm_share": math.nan}, "llm_share", id="share-nan"),
        pytest.param({"llm_share": -0.1}, "llm_share", id="share-negative"),
        pytest.param({"llm_share": 1.1}, "llm_share is 1.1", id="share-above-1"),
        pytest.param({"audit_share": math.nan}, "audit_share", id="audits-nan"),
        pytest.param({"audit_share": 1.1}, "audit_share is 1.1", id="audits-above-1"),
        pytest.param({"usd_per_hour": -1}, "usd_per_hour", id="money-negative"),
        pytest.param({"usd_per_hour": math.inf}, "usd_per_hour", id="money-infinite"),
        pytest.param({"usd_per_hour": 1, "burst_usd": math.nan}, "burst_usd", id="burst-nan"),
        pytest.param({"usd_per_hour": 1, "burst_usd": 0}, "no call", id="burst-of-nothing"),
        pytest.param({"burst_usd": 1}, "without usd_per_hour", id="burst-without-rate"),
    ],
)
def test_limits_that_are_none_are_refused(limits, problem):
    with pytest.raises(ValueError, match=problem):
        BudgetLimits(**limits)


@pytest.mark.parametrize("amount", [math.nan, math.inf, -0.1])
def test_a_demand_that_is_none_is_refused(amount, clock):
    governor = Governor(dollars(1), now_s=clock)

    with pytest.raises(ValueError, match="value"):
        Demand(amount, 1, required=False)
    with pytest.raises(ValueError, match="cost_usd"):
        Demand(1, amount, required=False)
    with pytest.raises(ValueError, match="cost_usd"):
        governor.admit_audit(amount)
    with pytest.raises(ValueError, match="actual_usd"):
        governor.settle(governor.admit(required(), ""), amount)


def test_without_limits_all_that_is_required_or_of_some_value_is_granted():
    governor = Governor(BudgetLimits(), per_caller=BudgetLimits())

    assert grants(governor, required(1e9), times=2) == [ESCALATE, ESCALATE]
    assert grants(governor, optional(0.001, 1e9)) == [ESCALATE]
    assert grants(governor, optional(0)) == [KEEP]
    assert governor.admit_audit(1e9)
    assert (governor.snapshot().usd, governor.snapshot().calls) == (None, None)


def test_a_call_of_no_value_is_not_made_even_for_nothing(clock):
    assert grants(Governor(dollars(10), now_s=clock), optional(0, 0)) == [KEEP]


def test_required_calls_are_granted_until_the_budget_is_spent(clock):
    governor = Governor(dollars(2), now_s=clock)

    assert grants(governor, required(), times=3) == [ESCALATE, ESCALATE, EXHAUSTED]
    clock.s = 1
    assert grants(governor, required(), times=2) == [ESCALATE, EXHAUSTED]


def test_optional_calls_must_be_worth_the_price(clock):
    """After four calls a call costs 0.2."""
    governor = Governor(dollars(10), now_s=clock)
    grants(governor, required(), times=4)

    assert grants(governor, optional(0.19)) == [KEEP]
    assert grants(governor, optional(0.21)) == [ESCALATE]


def test_an_optional_call_that_cannot_be_paid_is_kept_and_leaves_the_price_alone(clock):
    governor = Governor(dollars(2), now_s=clock)
    grants(governor, required(), times=2)
    before = governor.snapshot()

    assert grants(governor, optional(1)) == [KEEP]
    assert governor.snapshot() == before


def test_a_required_call_that_cannot_be_paid_raises_the_price(clock):
    governor = Governor(dollars(2), now_s=clock)
    grants(governor, required(), times=3)

    assert governor.snapshot().usd.price == pytest.approx(0.15)
    assert governor.snapshot().exhausted == 1


def test_a_call_must_be_worth_the_price_in_each_unit():
    """Ten free calls cost nothing, and raise the price of a share to a half."""
    governor = Governor(BudgetLimits(llm_share=0.1, usd_per_hour=1))
    grants(governor, required(0), times=10)

    assert grants(governor, optional(0.49, 0)) == [KEEP]
    assert grants(governor, optional(0.51, 0)) == [ESCALATE]


def test_every_bucket_pays_or_none_does(clock):
    """The share has a call left, the money has not; then it is the other way round."""
    limits = BudgetLimits(llm_share=0.5, usd_per_hour=3600, burst_usd=30, audit_share=0)
    governor = Governor(limits, now_s=clock)
    grants(governor, required(30))

    assert grants(governor, required(1)) == [EXHAUSTED]
    assert governor.snapshot().calls.level == 24
    clock.s = 30
    grants(governor, required(0), times=24)
    assert grants(governor, required(1)) == [EXHAUSTED]
    assert governor.snapshot().usd.level == 30


def test_only_the_bucket_that_could_not_pay_becomes_dearer(clock):
    limits = BudgetLimits(llm_share=0.5, usd_per_hour=3600, burst_usd=1, audit_share=0)
    governor = Governor(limits, now_s=clock)
    grants(governor, required(), times=3)

    assert governor.snapshot().calls.price == pytest.approx(0.05)
    assert governor.snapshot().usd.price == pytest.approx(0.15)


def test_what_a_call_did_not_cost_can_be_spent_again(clock):
    governor = Governor(dollars(3), now_s=clock)
    admission = governor.admit(required(3), "")
    assert (admission.grant, admission.reserved_usd) == (ESCALATE, 3)

    governor.settle(admission, 1)

    assert governor.snapshot().usd.level == 2
    assert governor.snapshot().answers == Spending(calls=1, usd=1)
    assert governor.snapshot().in_flight == 0


def test_a_call_that_was_never_sent_counts_for_nothing(clock):
    governor = Governor(BudgetLimits(llm_share=0.5, usd_per_hour=3600, burst_usd=9), now_s=clock)
    before = governor.snapshot()

    governor.cancel(governor.admit(required(3), ""))

    assert governor.snapshot() == before


def test_a_call_may_cost_what_was_reserved_to_within_rounding(clock):
    """0.1 + 0.2 is more than 0.3."""
    governor = Governor(dollars(1), now_s=clock)

    governor.settle(governor.admit(required(0.3), ""), 0.1 + 0.2)

    assert governor.snapshot().answers.usd == 0.3


def test_a_call_that_cost_more_than_was_reserved_is_a_bug(clock):
    governor = Governor(dollars(1), now_s=clock)
    admission = governor.admit(required(0.3), "")

    with pytest.raises(ValueError, match=r"0.31 USD where 0.3 were reserved. This is a bug"):
        governor.settle(admission, 0.31)


@pytest.mark.parametrize("close", [Governor.cancel, lambda each, grant: each.settle(grant, 0)])
def test_what_is_not_reserved_cannot_be_settled(close, clock):
    """Settled before, granted by another governor, or not granted."""
    governor = Governor(dollars(1), now_s=clock)
    settled = governor.admit(required(), "")
    governor.settle(settled, 0.5)
    foreign = Governor(dollars(1), now_s=clock).admit(required(), "")

    for admission in (settled, foreign, Admission(KEEP)):
        with pytest.raises(ValueError, match=r"nothing is reserved.*This is a bug"):
            close(governor, admission)
    assert governor.snapshot().usd.level == 0.5


def test_audits_spend_their_own_part_and_no_other(clock):
    governor = Governor(dollars(10, audit_share=0.2), now_s=clock)

    audits = [governor.admit_audit(1) for _ in range(3)]

    assert [bool(audit) for audit in audits] == [True, True, False]
    assert governor.snapshot().refused_audits == 1
    assert grants(governor, required(), times=9) == [ESCALATE] * 8 + [EXHAUSTED]
    assert governor.snapshot().audits == Spending(calls=2, usd=2)
    assert governor.snapshot().answers == Spending(calls=8, usd=8)


def test_an_audit_is_settled_like_an_answer(clock):
    governor = Governor(dollars(10, audit_share=0.2), now_s=clock)
    audit = governor.admit_audit(2)

    governor.settle(audit, 0.5)

    assert governor.snapshot().usd.audit_level == 1.5
    with pytest.raises(ValueError, match="nothing is reserved"):
        governor.settle(audit, 0.5)


def test_an_audit_needs_a_call_of_the_share_too():
    """A tenth of 25 calls is 2; twenty requests at a half earn audits one more."""
    governor = Governor(BudgetLimits(llm_share=0.5, audit_share=0.1))
    assert [bool(governor.admit_audit(0)) for _ in range(3)] == [True, True, False]

    for _ in range(20):
        governor.arrive("")

    assert [bool(governor.admit_audit(0)) for _ in range(2)] == [True, False]


def test_each_request_earns_its_share_for_the_cascade_and_its_caller():
    limits = BudgetLimits(llm_share=0.5, audit_share=0)
    governor = Governor(BudgetLimits(llm_share=1, audit_share=0), per_caller=limits)
    assert grants(governor, required(), "ann", times=26) == [ESCALATE] * 25 + [EXHAUSTED]

    for caller in ("ann", "ann", "bob"):
        governor.arrive(caller)

    assert grants(governor, required(), "ann", times=2) == [ESCALATE, EXHAUSTED]
    assert grants(governor, required(), "bob", times=3) == [ESCALATE] * 2 + [EXHAUSTED]


def test_one_callers_spent_budget_changes_nothing_for_another(clock):
    """Bob gets the same answers and the same price whether Ann floods the cascade or not."""

    def decide(flood):
        governor = Governor(dollars(100), per_caller=dollars(5), now_s=clock)
        grants(governor, required(), "ann", times=5)
        assert set(grants(governor, required(), "ann", times=flood)) <= {EXHAUSTED}
        snapshot = governor.snapshot()
        decisions = [
            governor.admit(optional(value), "bob").grant for value in np.linspace(0, 1, 30)
        ]
        return snapshot.usd, decisions

    assert decide(1_000) == decide(0)


def test_the_caller_without_a_name_has_a_budget_too(clock):
    governor = Governor(dollars(100), per_caller=dollars(1), now_s=clock)

    assert grants(governor, required(), "", times=2) == [ESCALATE, EXHAUSTED]
    assert grants(governor, required(), "ann") == [ESCALATE]


def test_callers_beyond_the_limit_share_one_budget(clock):
    governor = Governor(dollars(100), per_caller=dollars(1), max_callers=2, now_s=clock)
    grants(governor, required(), "ann")
    grants(governor, required(), "bob")

    assert grants(governor, required(), "eve") == [ESCALATE]
    assert grants(governor, required(), "kim") == [EXHAUSTED]


def test_a_caller_pays_nothing_for_what_the_cascade_cannot_pay(clock):
    """Ann's dollar is still there when the cascade has money again."""
    governor = Governor(dollars(1), per_caller=dollars(1, usd_per_hour=0), now_s=clock)
    grants(governor, required(), "bob")

    assert grants(governor, required(), "ann", times=3) == [EXHAUSTED] * 3
    clock.s = 1
    assert grants(governor, required(), "ann") == [ESCALATE]


def test_threads_together_spend_no_more_than_there_is(clock):
    governor = Governor(dollars(100), now_s=clock)

    threads = [
        threading.Thread(target=grants, args=(governor, required(), "", 50)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert governor.snapshot().answers.calls == 100


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param(BudgetLimits(usd_per_hour=3600, burst_usd=20), id="a-dollar-a-second"),
        pytest.param(BudgetLimits(usd_per_hour=36, burst_usd=0.2), id="a-cent-a-second"),
    ],
)
def test_the_budget_goes_to_the_most_valuable_calls(limits, clock):
    """Ten requests a second, one call a second: 18 + 0.9 * 2,000 calls are the cap."""
    governor = Governor(limits, now_s=clock)
    cost_usd = limits.burst_usd / 20
    values = np.random.default_rng(7).uniform(size=20_000)

    escalated = np.zeros(len(values), bool)
    for index, value in enumerate(values):
        clock.s = (index + 1) / 10
        escalated[index] = governor.admit(optional(value, cost_usd), "").grant == ESCALATE

    assert 1_810 <= escalated.sum() <= 1_818
    assert values[escalated].mean() == pytest.approx(0.911, abs=0.01)
    assert values[~escalated].mean() == pytest.approx(0.464, abs=0.01)


def test_a_share_goes_to_the_most_valuable_calls():
    """A tenth of the requests: 22.5 + 0.09 * 20,000 calls are the cap, 0.955 the best mean."""
    governor = Governor(BudgetLimits(llm_share=0.1))
    values = np.random.default_rng(7).uniform(size=20_000)

    escalated = np.zeros(len(values), bool)
    for index, value in enumerate(values):
        governor.arrive("")
        escalated[index] = governor.admit(optional(value), "").grant == ESCALATE

    assert 1_800 <= escalated.sum() <= 1_822
    assert values[escalated].mean() > 0.93


def test_when_all_is_uncertain_the_budget_is_spent_to_the_last_call(clock):
    governor = Governor(dollars(20, audit_share=0.1), now_s=clock)

    for index in range(20_000):
        clock.s = (index + 1) / 10
        governor.admit(required(), "")

    assert governor.snapshot().answers.calls in (1_817, 1_818)
    assert governor.snapshot().exhausted >= 18_182
