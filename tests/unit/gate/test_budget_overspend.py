from collections import Counter

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from headgate.gate.buckets import Unit
from headgate.gate.budget import BudgetLimits, Demand, Governor, Grant

ROUNDING = 1e-9
CALLERS = st.sampled_from(["", "ann", "bob"])
COSTS = st.floats(0, 3)
SHARES = st.none() | st.floats(0, 1)
LIMITS = st.builds(
    BudgetLimits,
    llm_share=SHARES,
    usd_per_hour=st.just(1800),
    burst_usd=st.floats(0.5, 4),
    audit_share=st.floats(0, 1),
) | st.builds(BudgetLimits, llm_share=SHARES, audit_share=st.floats(0, 1))


class Spender(RuleBasedStateMachine):
    """Whatever comes in whatever order, no bucket pays more than it had and earned."""

    granted = Bundle("granted")

    @initialize(budget=LIMITS, per_caller=st.none() | LIMITS)
    def start(self, budget, per_caller):
        self.clock_s = self.latest_s = 0.0
        self.governor = Governor(budget, per_caller=per_caller, now_s=lambda: self.clock_s)
        self.allowances = {"cascade": budget.for_answers(), "audits": budget.for_audits()}
        if per_caller:
            self.allowances |= dict.fromkeys(("", "ann", "bob"), per_caller.for_answers())
        self.arrived, self.calls, self.usd = Counter(), Counter(), Counter()

    def book(self, payers, *, calls, usd):
        for payer in payers:
            self.calls[payer] += calls
            self.usd[payer] += usd

    @rule(moved_s=st.floats(-4, 4))
    def move_the_clock(self, moved_s):
        self.clock_s += moved_s
        self.latest_s = max(self.latest_s, self.clock_s)

    @rule(caller=CALLERS, times=st.integers(1, 9))
    def arrive(self, caller, times):
        for _ in range(times):
            self.governor.arrive(caller)
            self.arrived.update(["cascade", "audits", caller])

    @rule(
        target=granted,
        caller=CALLERS,
        demand=st.builds(Demand, st.floats(0, 1), COSTS, st.booleans()),
        times=st.integers(1, 5),
    )
    def admit(self, caller, demand, times):
        return multiple(*(self.admit_one(caller, demand) for _ in range(times)))

    def admit_one(self, caller, demand):
        before = self.governor.snapshot()
        admission = self.governor.admit(demand, caller)
        payers = ("cascade", caller) if admission.grant is Grant.ESCALATE else ()
        self.book(payers, calls=1, usd=admission.reserved_usd)
        self.compare(before, "level", bool(payers), demand.cost_usd)
        self.compare(before, "audit_level", False, demand.cost_usd)
        assert admission.grant is not (Grant.KEEP if demand.required else Grant.EXHAUSTED)
        return admission, payers

    @rule(target=granted, cost=COSTS)
    def audit(self, cost):
        before = self.governor.snapshot()
        admission = self.governor.admit_audit(cost)
        payers = ("audits",) if admission else ()
        self.book(payers, calls=1, usd=cost)
        self.compare(before, "audit_level", bool(payers), cost)
        self.compare(before, "level", False, cost)
        return admission, payers

    def compare(self, before, name, granted, cost):
        """A level falls by the whole cost in each unit, or stays where it was."""
        after = self.governor.snapshot()
        for unit, paid in (("calls", 1), ("usd", cost)):
            if getattr(after, unit):
                fell = getattr(getattr(before, unit), name) - getattr(getattr(after, unit), name)
                assert fell == pytest.approx(paid if granted else 0)

    @rule(grant=consumes(granted), used=st.floats(0, 1))
    def settle(self, grant, used):
        admission, payers = grant
        if payers:
            actual_usd = admission.reserved_usd * used
            self.governor.settle(admission, actual_usd)
            self.book(payers, calls=0, usd=actual_usd - admission.reserved_usd)

    @rule(grant=consumes(granted))
    def cancel(self, grant):
        admission, payers = grant
        if payers:
            self.governor.cancel(admission)
            self.book(payers, calls=-1, usd=-admission.reserved_usd)

    @invariant()
    def nothing_is_overspent(self):
        for payer, units in self.allowances.items():
            if calls := units.get(Unit.CALLS):
                cap = calls.capacity + calls.rate * self.arrived[payer]
                assert self.calls[payer] <= cap + ROUNDING
            if usd := units.get(Unit.USD):
                cap = usd.capacity + usd.rate * self.latest_s
                assert self.usd[payer] <= cap + ROUNDING

    @invariant()
    def levels_stay_within_their_capacity(self):
        snapshot = self.governor.snapshot()
        for payer, name in (("cascade", "level"), ("audits", "audit_level")):
            for unit, allowance in self.allowances[payer].items():
                assert 0 <= getattr(getattr(snapshot, unit), name) <= allowance.capacity

    @invariant()
    def the_books_are_right(self):
        snapshot = self.governor.snapshot()
        for payer, spending in (("cascade", snapshot.answers), ("audits", snapshot.audits)):
            assert spending.calls == self.calls[payer]
            assert spending.usd == pytest.approx(self.usd[payer], abs=ROUNDING)


SpenderTest = pytest.mark.slow(Spender.TestCase)
