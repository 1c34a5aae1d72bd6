import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.tiny_cascade import TWO_TIERS
from headgate.cascade.payment import Purse, exhausted, purse_of
from headgate.errors import BudgetError, DeadlineError, LmRefusedError
from headgate.gate.budget import Admission, BudgetLimits, Demand, Governor, Grant, Spending
from headgate.types import Judgement, Usage

ASKED = Demand(0.5, 0.1, required=True)


def purse(**limits):
    """Return a purse whose clock stands still: nothing is earned but by records."""
    return Purse(Governor(BudgetLimits(audit_share=0.0, **limits), now_s=lambda: 0.0))


def judged(cost_usd, *, cached=False):
    return Judgement("net", "because", Usage(1, 10, 5, cost_usd), cached)


def spent(payer):
    return payer.governor.snapshot().answers


# Without a governor


def test_without_a_governor_everything_is_granted():
    free = Purse()

    free.arrive("someone", 3)

    assert free.admit(Demand(0.0, 1e9, required=False), "someone").grant is Grant.ESCALATE
    assert free.admit_audit(1e9).grant is Grant.ESCALATE
    assert not free.rejects


@pytest.mark.parametrize("cell", [None, judged(5.0), judged(0.0, cached=True)])
def test_without_a_governor_nothing_is_settled(cell):
    Purse().settle(Admission(Grant.ESCALATE), cell)


# What a call costs in the end


@pytest.mark.parametrize(
    ("cell", "calls", "usd"),
    [
        pytest.param(judged(0.03), 1, 0.03, id="its-actual-cost"),
        pytest.param(judged(0.1), 1, 0.1, id="the-largest-cost"),
        pytest.param(judged(0.0, cached=True), 0, 0.0, id="nothing-for-a-cached-answer"),
        pytest.param(LmRefusedError("llm", "no key", "Set."), 1, 0.1, id="all-when-it-failed"),
        pytest.param(DeadlineError("llm", "late", "Wait."), 1, 0.1, id="all-when-it-was-late"),
        pytest.param(None, 1, 0.1, id="all-when-nobody-waited"),
    ],
)
def test_a_call_is_settled_by_what_came_of_it(cell, calls, usd):
    payer = purse(llm_share=0.5, usd_per_hour=6.0)
    admission = payer.admit(ASKED, "")

    payer.settle(admission, cell)

    assert spent(payer) == Spending(calls, pytest.approx(usd))
    assert payer.governor.snapshot().in_flight == 0


def test_what_a_call_did_not_cost_can_be_spent_again():
    """A burst of 0.25 pays two calls of at most 0.1, and a third once they turn out cheaper."""
    payer = purse(usd_per_hour=1.0, burst_usd=0.25)
    first, second, third = (payer.admit(ASKED, "") for _ in range(3))

    payer.settle(first, judged(0.01))
    payer.settle(second, judged(0.01))
    again = payer.admit(ASKED, "")

    grants = [each.grant for each in (first, second, third, again)]
    assert grants == [Grant.ESCALATE, Grant.ESCALATE, Grant.EXHAUSTED, Grant.ESCALATE]


def test_a_cost_above_its_bound_takes_no_more_than_was_reserved_and_is_logged(caplog):
    """It cannot be, but an endpoint may count tokens as it likes."""
    payer = purse(usd_per_hour=6.0)
    admission = payer.admit(ASKED, "")

    with caplog.at_level(logging.WARNING):
        payer.settle(admission, judged(0.2))

    assert spent(payer) == Spending(1, pytest.approx(0.1))
    assert [record.getMessage() for record in caplog.records] == [
        "cost_above_bound cost=0.2 bound=0.1"
    ]


def test_settling_twice_is_a_bug():
    payer = purse(usd_per_hour=6.0)
    admission = payer.admit(ASKED, "")
    payer.settle(admission, judged(0.1))

    with pytest.raises(ValueError, match="This is a bug"):
        payer.settle(admission, judged(0.1))


# Calls that records share


def admitted(payer, *costs_usd):
    """Return an admission of each largest cost."""
    return [payer.admit(Demand(0.5, cost, required=True), "") for cost in costs_usd]


FREE = Judgement("net", "because", Usage())
"""The second record of a shared prompt, whose usage is told with the first."""


def test_what_a_shared_prompt_cost_is_borne_by_all_its_records():
    """0.03 may cost 0.1 + 0.2, so a tenth of each is spent; none gives all of it back."""
    payer = purse(usd_per_hour=60.0)

    payer.settle_all(admitted(payer, 0.1, 0.2), [judged(0.03), FREE])

    assert spent(payer) == Spending(2, pytest.approx(0.03))


def test_a_cost_above_one_records_bound_is_paid_by_the_bounds_of_all(caplog):
    """A prompt of two costs more than the first alone may."""
    payer = purse(usd_per_hour=60.0)

    with caplog.at_level(logging.WARNING):
        payer.settle_all(admitted(payer, 0.1, 0.1), [judged(0.15), FREE])

    assert spent(payer) == Spending(2, pytest.approx(0.15))
    assert caplog.records == []


def test_a_shared_cost_above_all_bounds_takes_no_more_than_was_reserved_and_is_logged(caplog):
    payer = purse(usd_per_hour=60.0)

    with caplog.at_level(logging.WARNING):
        payer.settle_all(admitted(payer, 0.1, 0.1), [judged(0.5), FREE])

    assert spent(payer) == Spending(2, pytest.approx(0.2))
    assert [record.getMessage() for record in caplog.records] == [
        "cost_above_bound cost=0.5 bound=0.2"
    ]


def test_cached_failed_and_answered_records_are_settled_each_in_its_way():
    """The failed call keeps its 0.3, the cached one gives its 0.2 and its call back."""
    payer = purse(llm_share=1.0, usd_per_hour=60.0)
    refused = LmRefusedError("llm", "no key", "Set.")

    payer.settle_all(
        admitted(payer, 0.1, 0.2, 0.3, 0.4),
        [judged(0.05), judged(0.0, cached=True), refused, None],
    )

    assert spent(payer) == Spending(3, pytest.approx(0.05 + 0.3 + 0.4))
    assert payer.governor.snapshot().in_flight == 0


def test_records_that_could_cost_nothing_are_settled_at_nothing():
    payer = purse(usd_per_hour=6.0)

    payer.settle_all(admitted(payer, 0.0, 0.0), [FREE, FREE])

    assert spent(payer) == Spending(2, 0.0)


class Noting(Purse):
    """Writes down each settlement, as a job that may be stopped does."""

    def settle(self, admission, cell):
        """Note what it cost, and settle it."""
        self.noted = [*getattr(self, "noted", []), cell.usage.cost_usd]
        super().settle(admission, cell)


def test_settling_together_is_settling_each_with_its_part():
    """A quarter of 0.06 for the record that may cost 0.1, three for that of 0.3."""
    payer = Noting(purse(usd_per_hour=60.0).governor)

    payer.settle_all(admitted(payer, 0.1, 0.3), [judged(0.06), FREE])

    assert payer.noted == [pytest.approx(0.015), pytest.approx(0.045)]
    assert spent(payer) == Spending(2, pytest.approx(0.06))


def test_without_a_governor_settling_together_counts_nothing_and_warns_of_nothing(caplog):
    payer = Noting()

    with caplog.at_level(logging.WARNING):
        payer.settle_all(admitted(payer, 0.1, 0.3), [judged(0.06), FREE])

    assert (len(payer.noted), caplog.records) == (2, [])


def test_nothing_to_settle_changes_nothing():
    payer = purse(usd_per_hour=6.0)

    payer.settle_all([], [])

    assert spent(payer) == Spending()


COSTS = st.floats(0, 10)
CELLS = st.one_of(
    st.builds(judged, st.floats(0, 30)),
    st.just(FREE),
    st.just(judged(0.0, cached=True)),
    st.just(LmRefusedError("llm", "no key", "Set.")),
    st.none(),
)


@given(st.lists(st.tuples(COSTS, CELLS), max_size=12))
def test_settling_together_never_takes_more_than_was_reserved(pairs):
    payer = purse(usd_per_hour=1e6)
    costs_usd, cells = [cost for cost, _ in pairs], [cell for _, cell in pairs]

    payer.settle_all(admitted(payer, *costs_usd), cells)

    answered = [pair for pair in pairs if isinstance(pair[1], Judgement) and not pair[1].cached]
    unknown = [cost for cost, cell in pairs if not isinstance(cell, Judgement)]
    cached = len(pairs) - len(answered) - len(unknown)
    bound = sum(cost for cost, _ in answered)
    wanted = min(bound, sum(cell.usage.cost_usd for _, cell in answered)) + sum(unknown)
    assert spent(payer) == Spending(len(pairs) - cached, pytest.approx(wanted, abs=1e-6))
    assert payer.governor.snapshot().in_flight == 0


# What records earn


def test_each_record_that_arrives_earns_its_share_of_a_call():
    """25 calls are saved up; a share of a half then needs two records for one more."""
    payer = purse(llm_share=0.5)
    for _ in range(25):
        payer.admit(ASKED, "")

    payer.arrive("", 1)
    early = payer.admit(ASKED, "").grant
    payer.arrive("", 1)

    assert (early, payer.admit(ASKED, "").grant) == (Grant.EXHAUSTED, Grant.ESCALATE)


def test_the_error_of_a_spent_budget_names_the_record_and_nothing_of_it():
    error = exhausted("record 'r1'")

    assert isinstance(error, BudgetError)
    assert (error.reason, error.status) == ("BUDGET_EXHAUSTED", "RESOURCE_EXHAUSTED")
    assert str(error) == (
        "record 'r1': the budget of the large model is spent. Try again later, or raise the budget."
    )


# The purse that a file asks for

PRICED = TWO_TIERS.replace(
    "recordings: answers.jsonl}",
    "recordings: answers.jsonl, price: {input_usd_per_million: 1, output_usd_per_million: 2}}",
)
OWN = "  deferral: {score: max_prob, budget: {llm_share: 0.25}}\n"


@pytest.fixture
def purse_for(load):
    """Return the purse of a cascade with that deferral."""

    def make(deferral):
        assert OWN in PRICED
        return purse_of(load(PRICED.replace(OWN, f"  deferral: {deferral}\n")).spec.deferral)

    return make


CERTIFIED = "certificate: {kind: agree, epsilon: 0.1}"


@pytest.mark.parametrize(
    ("deferral", "calls", "usd"),
    [
        pytest.param("{}", (25.0, 0.0), None, id="the-default-share"),
        pytest.param("{budget: {llm_share: 0.25}}", (25.0, 0.0), None, id="a-stated-share"),
        pytest.param(f"{{{CERTIFIED}}}", None, None, id="a-certificate-alone"),
        pytest.param(
            f"{{{CERTIFIED}, budget: {{llm_share: 0.3}}}}", (25.0, 0.0), None, id="with-a-share"
        ),
        pytest.param(
            f"{{{CERTIFIED}, audits: {{}}, budget: {{llm_share: 0.3}}}}",
            (22.5, 2.5),
            None,
            id="a-tenth-for-audits",
        ),
        pytest.param(
            f"{{{CERTIFIED}, budget: {{usd_per_hour: 6}}}}", None, (1.0, 0.0), id="ten-minutes"
        ),
        pytest.param(
            f"{{{CERTIFIED}, audits: {{}}, "
            "budget: {usd_per_hour: 6, burst_usd: 2, audit_share: 0.25}}",
            None,
            (1.5, 0.5),
            id="a-stated-burst",
        ),
    ],
)
def test_the_buckets_are_full_and_those_of_the_file(purse_for, deferral, calls, usd):
    found = purse_for(deferral).governor.snapshot()

    for gauge, levels in ((found.calls, calls), (found.usd, usd)):
        assert (None if gauge is None else (gauge.level, gauge.audit_level)) == (
            None if levels is None else pytest.approx(levels)
        )


@pytest.mark.parametrize(("written", "rejects"), [("degrade", False), ("reject", True)])
def test_the_file_says_what_becomes_of_records_that_cannot_be_paid(purse_for, written, rejects):
    assert purse_for(f"{{budget: {{on_exhausted: {written}}}}}").rejects is rejects


def test_a_callers_own_limit_holds_beside_that_of_all(purse_for):
    payer = purse_for("{budget: {llm_share: 1, per_caller: {llm_share: 0}}}")

    assert payer.admit(ASKED, "one").grant is Grant.EXHAUSTED
    assert spent(payer) == Spending()


def test_a_callers_dollars_are_what_ten_minutes_earn(purse_for):
    """0.9 an hour is 0.15 in ten minutes: one call of a tenth."""
    payer = purse_for("{budget: {per_caller: {usd_per_hour: 0.9}}}")

    grants = [payer.admit(ASKED, caller).grant for caller in ("one", "one", "two")]

    assert grants == [Grant.ESCALATE, Grant.EXHAUSTED, Grant.ESCALATE]
