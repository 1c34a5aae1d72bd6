"""What becomes of questions when language models have a budget."""

import pytest

from fakes.tiny_engine import soon
from fakes.tiny_questions import CHAIN, EASY, NONE, asks, cascade, guesses, way
from headgate.cascade.capabilities import audit
from headgate.cascade.payment import Purse, StepPurse
from headgate.errors import BudgetError
from headgate.gate.budget import Admission, BudgetLimits, Governor, Grant, Spending
from headgate.types import Decision, GuaranteeState, Origin, Tier


class Refusing(Purse):
    """Pays for everything but the demands of some numbers, and writes down what it is asked."""

    def __init__(self, *refused, rejects=False):
        super().__init__(rejects=rejects)
        self.refused = refused
        self.demands, self.callers, self.arrived, self.settled = [], [], [], []

    def arrive(self, caller, records):
        """Note who sent how many."""
        self.arrived.append((caller, records))

    def admit(self, demand, caller):
        """Pay, or not."""
        number = len(self.demands)
        self.demands.append(demand)
        self.callers.append(caller)
        grant = Grant.EXHAUSTED if number in self.refused else Grant.ESCALATE
        return Admission(grant, demand.cost_usd, calls=demand.calls)

    def settle(self, admission, cell):
        """Note what came of a call."""
        self.settled.append(cell)


RECALL, PLAN, DIRECT, FINAL, FIRST_STEP, SECOND_STEP = range(6)
"""In the order in which one question asks for money."""


async def test_a_first_reading_that_cannot_be_paid_is_the_questions_error():
    asked = cascade(guesses, known=NONE)
    asked.engine.purse = Refusing(RECALL)

    (result,) = await asked.answer(CHAIN)

    assert isinstance(result.error, BudgetError)
    assert (result.answer, result.degraded) == ("", "")
    assert asked.asked == ([], [])


async def test_a_later_reading_that_cannot_be_paid_leaves_the_earlier_answer_degraded():
    asked = cascade(guesses, known=NONE)
    asked.engine.purse = Refusing(DIRECT)

    (result,) = await asked.answer(CHAIN)

    assert (result.answer, result.tier, result.degraded, result.error) == (
        "the 1800s",
        Tier.SMALL,
        "BUDGET_EXHAUSTED",
        None,
    )
    assert asked.asked == (["q1"], ["q1/plan"])
    assert way(result)[-1] == ("direct", Decision.FAILED)


async def test_a_plan_that_cannot_be_paid_leaves_the_question_whole():
    asked = cascade(guesses, known=NONE, sure=NONE)
    asked.engine.purse = Refusing(PLAN)

    (result,) = await asked.answer(CHAIN)

    assert (result.answer, result.plan) == ("the 1800s", ())
    assert result.degraded == "BUDGET_EXHAUSTED"
    assert ("plan", Decision.FAILED) in way(result)
    assert asked.asked == (["q1", "q1", "q1#1"], [])


async def test_an_answer_from_steps_that_cannot_be_paid_asks_no_step():
    asked = cascade(guesses, known=NONE, sure=NONE)
    asked.engine.purse = Refusing(FINAL)

    (result,) = await asked.answer(CHAIN)

    assert (result.answer, result.degraded) == ("the 1800s", "BUDGET_EXHAUSTED")
    assert asked.asked == (["q1", "q1"], ["q1/plan"])


async def test_steps_that_cannot_be_paid_leave_the_reading_degraded():
    asked = cascade(guesses, known=NONE, sure=NONE)
    asked.engine.purse = Refusing(FIRST_STEP)

    (result,) = await asked.answer(CHAIN)

    assert (result.answer, result.degraded) == ("the 1800s", "BUDGET_EXHAUSTED")
    assert asked.asked == (["q1", "q1"], ["q1/plan"])


@pytest.mark.parametrize("refused", [RECALL, PLAN, DIRECT, FINAL])
async def test_a_budget_that_rejects_leaves_an_error_and_no_answer(refused):
    asked = cascade(guesses, known=NONE, sure=NONE)
    asked.engine.purse = Refusing(refused, rejects=True)

    (result,) = await asked.answer(CHAIN)

    assert isinstance(result.error, BudgetError)
    assert (result.answer, result.tier, result.confidence) == ("", None, 0.0)
    assert not any("#" in each for each in asked.slm.asked)


async def test_a_step_that_cannot_be_paid_spoils_the_answer_and_what_is_noted_of_it():
    asked = cascade(known=NONE, sure=NONE)
    noted = []
    asked.engine.observer = noted.append
    asked.engine.purse = Refusing(SECOND_STEP)

    (result,) = await asked.answer(CHAIN)

    assert result.tier is Tier.LARGE
    assert result.degraded == "BUDGET_EXHAUSTED"
    assert (result.certificate_id, result.guarantee) == ("", GuaranteeState.UNCERTIFIED)
    assert [each.reference for each in noted] == [None]


async def test_steps_are_wanted_at_any_price_once_their_question_was_sent_on():
    asked = cascade()
    asked.engine.purse = purse = Refusing()

    await asked.answer(CHAIN)

    steps = purse.demands[FIRST_STEP:]
    assert [(demand.required, demand.calls) for demand in steps] == [(True, 0)] * 2


async def test_a_budget_that_rejects_leaves_no_answer_when_no_step_can_be_paid():
    asked = cascade(guesses, known=NONE, sure=NONE)
    asked.engine.purse = Refusing(FIRST_STEP, rejects=True)

    (result,) = await asked.answer(CHAIN)

    assert isinstance(result.error, BudgetError)
    assert result.answer == ""


class Auditing(Refusing):
    """Notes what is asked for audits, and refuses some of it by number."""

    def __init__(self, *refused):
        super().__init__()
        self.refused_audits, self.audits = refused, []

    def admit_audit(self, cost_usd, calls=1):
        """Pay, or not."""
        number = len(self.audits)
        self.audits.append(calls)
        if number in self.refused_audits:
            return None
        return Admission(Grant.ESCALATE, cost_usd, audit=True, calls=calls)


async def test_an_audit_pays_for_all_that_is_read_before_the_large_model_is_asked():
    asked = cascade()
    asked.engine.purse = purse = Auditing()

    answer = await audit(asked.engine, asks(CHAIN), soon())

    assert answer == "1902"
    assert purse.audits == [0, 0, 0, 1], "recall, plan, direct, and the answer from steps"


@pytest.mark.parametrize("refused", [0, 1, 2, 3])
async def test_an_audit_that_cannot_pay_for_all_of_it_has_no_answer(refused):
    asked = cascade()
    asked.engine.purse = Auditing(refused)

    assert await audit(asked.engine, asks(CHAIN), soon()) is None
    assert not any("#" in each for each in asked.slm.asked)


async def test_what_cannot_be_paid_of_some_questions_is_asked_of_the_others():
    asked = cascade(guesses)
    asked.engine.purse = Refusing(1)

    results = await asked.answer(EASY, CHAIN, EASY)

    assert [result.answer for result in results] == ["The Rook", "", "The Rook"]
    assert isinstance(results[1].error, BudgetError)


async def test_only_the_answer_from_steps_counts_as_a_call_and_all_is_settled():
    asked = cascade()
    asked.engine.purse = purse = Refusing()

    await asked.answer(CHAIN, origin=Origin(caller="someone"))

    assert [demand.calls for demand in purse.demands] == [0, 0, 0, 1, 0, 0]
    assert all(demand.required for demand in purse.demands[:DIRECT])
    assert all(demand.cost_usd > 0 for demand in purse.demands)
    assert purse.callers == ["someone"] * 6
    assert purse.arrived == [("someone", 1)], "steps earn nothing"
    assert [cell.usage.cost_usd for cell in purse.settled] == pytest.approx([20e-6] * 6)


async def test_a_purse_is_that_of_the_steps_too():
    asked = cascade()
    before = asked.engine.steps.purse
    asked.engine.purse = Refusing(rejects=True)

    assert isinstance(before, StepPurse)
    assert isinstance(asked.engine.steps.purse, StepPurse)
    assert asked.engine.steps.purse.rejects


async def test_a_question_takes_one_call_of_a_share_and_the_money_of_all_its_calls():
    asked = cascade()
    limits = BudgetLimits(llm_share=0.5, usd_per_hour=6, audit_share=0.0)
    asked.engine.purse = Purse(Governor(limits, now_s=lambda: 0.0))

    for _ in range(2):  # the second time a cache has it all
        await asked.answer(CHAIN, EASY)

    found = asked.engine.purse.governor.snapshot()
    assert (found.answers, found.in_flight) == (Spending(1, pytest.approx(7 * 20e-6)), 0)


async def test_a_share_that_is_spent_keeps_readings_and_asks_no_steps():
    asked = cascade(guesses, known=NONE, sure=NONE)
    limits = BudgetLimits(llm_share=0.0, audit_share=0.0)
    asked.engine.purse = Purse(Governor(limits, now_s=lambda: 0.0))

    (result,) = await asked.answer(CHAIN)

    assert (result.answer, result.tier, result.degraded) == ("the 1800s", Tier.SMALL, "")
    assert way(result)[-1] == ("budget", Decision.KEPT)
    assert asked.asked == (["q1", "q1"], ["q1/plan"])
