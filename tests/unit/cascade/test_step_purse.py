"""What the steps of a question are paid from: the money of its cascade, and none of its share."""

import pytest

from headgate.cascade.payment import Purse, StepPurse
from headgate.errors import LmRefusedError
from headgate.gate.budget import BudgetLimits, Demand, Governor, Grant, Spending
from headgate.types import Judgement, Planned, PlanStep, Prediction, Reading, Usage

ASKED = Demand(0.5, 0.1, required=True)
COST = Usage(1, 10, 5, 0.03)
READ = Reading(Prediction(("1901",), (0.8,)), usage=COST)
CHECKED = Judgement("1901", "because", COST)
PLANNED = Planned((PlanStep(1, "Who?"),), usage=COST)


class Watched(Purse):
    """Writes down what it is asked for, as a job that may be stopped does."""

    def __init__(self, *, rejects=False, **limits):
        budget = BudgetLimits(audit_share=0.0, **limits)
        super().__init__(Governor(budget, now_s=lambda: 0.0), rejects=rejects)
        self.arrived, self.demands, self.settled = [], [], []

    def arrive(self, caller, records):
        self.arrived.append((caller, records))
        super().arrive(caller, records)

    def admit(self, demand, caller):
        self.demands.append((demand, caller))
        return super().admit(demand, caller)

    def settle(self, admission, cell):
        self.settled.append(cell)
        super().settle(admission, cell)


def spent(purse):
    return purse.governor.snapshot().answers


def test_a_step_takes_money_and_no_call():
    whole = Watched(llm_share=0.5, usd_per_hour=6.0)

    admission = StepPurse(whole).admit(ASKED, "someone")

    assert whole.demands == [(Demand(0.5, 0.1, required=True, calls=0), "someone")]
    assert (admission.grant, admission.calls) == (Grant.ESCALATE, 0)
    assert spent(whole) == Spending(0, 0.1)


def test_steps_are_asked_about_although_the_share_is_spent():
    """The question was admitted; without its steps that would have been for nothing."""
    whole = Watched(llm_share=0.0)

    assert whole.admit(ASKED, "").grant is Grant.EXHAUSTED
    assert StepPurse(whole).admit(ASKED, "").grant is Grant.ESCALATE


def test_steps_are_not_asked_about_when_the_money_is_spent():
    steps = StepPurse(Watched(usd_per_hour=0.9))

    assert [steps.admit(ASKED, "").grant for _ in range(2)] == [Grant.ESCALATE, Grant.EXHAUSTED]


def test_a_callers_money_pays_its_steps():
    own = BudgetLimits(usd_per_hour=0.9, audit_share=0.0)
    budget = BudgetLimits(audit_share=0.0)
    steps = StepPurse(Purse(Governor(budget, per_caller=own, now_s=lambda: 0.0)))

    grants = [steps.admit(ASKED, caller).grant for caller in ("one", "one", "two")]

    assert grants == [Grant.ESCALATE, Grant.EXHAUSTED, Grant.ESCALATE]


def test_steps_earn_no_share_of_a_call():
    whole = Watched(llm_share=0.5)
    for _ in range(25):
        whole.admit(ASKED, "")

    StepPurse(whole).arrive("", 100)

    assert whole.arrived == []
    assert whole.admit(ASKED, "").grant is Grant.EXHAUSTED


@pytest.mark.parametrize(
    ("cell", "usd"),
    [
        pytest.param(READ, 0.03, id="reading"),
        pytest.param(CHECKED, 0.03, id="judgement"),
        pytest.param(PLANNED, 0.03, id="plan"),
        pytest.param(Reading(READ.prediction, cached=True), 0.0, id="cached-reading"),
        pytest.param(Planned(PLANNED.steps, cached=True), 0.0, id="cached-plan"),
        pytest.param(LmRefusedError("llm", "no key", "Set."), 0.1, id="failed"),
        pytest.param(None, 0.1, id="nobody-waited"),
    ],
)
@pytest.mark.parametrize("together", [False, True])
def test_what_a_step_did_not_cost_comes_back_and_no_call_with_it(cell, usd, together):
    whole = Watched(llm_share=0.5, usd_per_hour=6.0)
    whole.admit(ASKED, "")
    steps = StepPurse(whole)
    admission = steps.admit(ASKED, "")

    if together:
        steps.settle_all([admission], [cell])
    else:
        steps.settle(admission, cell)

    assert spent(whole) == Spending(1, pytest.approx(0.1 + usd))
    assert len(whole.settled) == 1, "a job notes what it cost"


@pytest.mark.parametrize("rejects", [False, True])
def test_steps_that_cannot_be_paid_end_as_their_question_would(rejects):
    assert StepPurse(Watched(rejects=rejects)).rejects is rejects


def test_without_a_governor_every_step_is_paid():
    steps = StepPurse(Purse())

    admission = steps.admit(Demand(0.0, 1e9, required=False), "")
    steps.settle(admission, None)

    assert (steps.governor, admission.grant) == (None, Grant.ESCALATE)
