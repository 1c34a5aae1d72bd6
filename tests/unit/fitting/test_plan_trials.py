import pytest

from fakes.scripted_reader import ScriptedReader, reading_model
from headgate.domains.questions.plan import LONGEST_STEP, MOST_STEPS
from headgate.domains.questions.task import LabelledQuestion
from headgate.errors import InputError, LmAnswerError, LmRefusedError, StageError
from headgate.fitting.plan_trials import PlanTrials
from headgate.lm.decompose import DecomposeRequest
from headgate.models.trust import Trust
from headgate.stages.decompose import LmPlanner
from headgate.stages.synthesise import Synthesise
from headgate.types import Record, Result

QUESTION = "When was the founder of the Harbour Mill born?"
CHAIN = ("Who founded the Harbour Mill?", "When was #1 born?")
OTHER = ("Who built the Harbour Mill?", "When was #1 born?")
SECRET = "4711-secret"
REFUSED = LmRefusedError("endpoint", "it refuses the key", "Set another one.")


def plan(*texts):
    return {"steps": [{"question": text, "needs_context": True} for text in texts]}


def row(own_id="q1", text=QUESTION):
    return LabelledQuestion(Record(own_id, {"question": text}), "1901", also=("in 1901",))


class Steps:
    """Answers steps by a table, and remembers what it was asked."""

    def __init__(self, answers):
        self.answers = answers
        self.asked = []

    async def run(self, records, deadline, *, origin):
        self.asked += [record.fields["question"] for record in records]
        return [self._result(record) for record in records]

    def _result(self, record):
        said = self.answers[record.fields["question"]]
        own = {"answer": said} if isinstance(said, str) else {"error": said}
        return Result(record.id, **own)


ANSWERS = {
    CHAIN[0]: "Ada Rook",
    OTHER[0]: "Bea Finch",
    "When was Ada Rook born?": "1901",
    "When was Bea Finch born?": "1899",
    QUESTION: "about 1901",
}


def trials(*plans, answers=ANSWERS, report=lambda step, done, total: None):
    """Return the trials of these plans, their engine, and who answers the steps.

    The final answer is that of the last step.
    """

    def say(request):
        if not isinstance(request, DecomposeRequest):
            return {"answer": request.steps[-1][1]}
        return plans[(request.sample or 1) - 1]

    engine, steps = ScriptedReader(say), Steps(answers)
    model = reading_model(engine)
    planner = LmPlanner(model, "Split the question.", MOST_STEPS)
    concluding = Synthesise(
        "final",
        "llm",
        large_model=model,
        instruction="Conclude.",
        trust=Trust.default(),
        plan="plan",
        earlier="direct",
        steps=steps,
    )
    return PlanTrials(planner, concluding, len(plans), report), engine, steps


async def test_each_plan_is_rewarded_for_the_answer_it_leads_to():
    own, _, _ = trials(plan(*CHAIN), plan(*OTHER), plan(QUESTION), "I would look it up.")

    (trial,) = await own.run([row()])

    assert [(each.answer, each.reward) for each in trial.tried] == [
        ("1901", 1.0),
        ("1899", 0.0),
        ("about 1901", 0.5),
        ("", 0.0),
    ]
    assert trial.tried[3].problem == "invalid answer: plan_unusable"


async def test_the_first_plan_is_the_one_that_serving_asks_for_and_the_others_are_samples():
    own, engine, _ = trials(*[plan(*CHAIN)] * 3)

    (trial,) = await own.run([row()])

    asked = [each for each in engine.requests if isinstance(each, DecomposeRequest)]
    assert [(each.record_id, each.sample, each.temperature) for each in asked] == [
        ("q1/plan", 0, 0.0),
        ("q1/plan/2", 2, 1.0),
        ("q1/plan/3", 3, 1.0),
    ]
    assert [each.id for each in trial.tried] == ["q1/plan", "q1/plan/2", "q1/plan/3"]
    assert trial.prompt == asked[0].lasting_messages()


async def test_equal_plans_are_carried_out_once_however_they_are_written():
    lines = f"### Q1: {CHAIN[0]} ## Need Context? ## Yes\n### Q2: {CHAIN[1]}"
    own, _, steps = trials(plan(*CHAIN), lines, plan(*CHAIN))

    (trial,) = await own.run([row()])

    assert steps.asked == [CHAIN[0], "When was Ada Rook born?"]
    assert [each.reward for each in trial.tried] == [1.0, 1.0, 1.0]
    assert len({each.written for each in trial.tried}) == 1


async def test_a_plan_of_one_step_is_the_question_as_it_stands():
    """It is carried out so when the cascade serves, however the model puts it."""
    own, _, steps = trials(plan("When was the founder born?"), plan(QUESTION))

    (trial,) = await own.run([row()])

    assert steps.asked == [QUESTION]
    assert [each.steps[0].text for each in trial.tried] == [QUESTION, QUESTION]


async def test_a_malformed_plan_is_not_repaired_but_kept_as_it_came():
    own, engine, steps = trials("{", '{"steps": "\\ud800"}', "half \ud800 pair")

    (trial,) = await own.run([row()])

    assert len(engine.requests) == 3
    assert steps.asked == []
    assert [each.text for each in trial.tried] == ["{", '{"steps": "\\ud800"}', "half ? pair"]
    assert (trial.example(), trial.pair()) == (None, None)


async def test_a_plan_whose_steps_fail_is_worth_nothing():
    failed = StageError("stage 'answer'", "the reader is broken", "Look at its log.")
    own, _, _ = trials(plan(*CHAIN), plan(*OTHER), answers={**ANSWERS, OTHER[0]: failed})

    (trial,) = await own.run([row()])

    assert [each.reward for each in trial.tried] == [1.0, 0.0]
    assert trial.tried[1].usable
    assert trial.tried[1].problem == "the reader is broken"


@pytest.mark.parametrize(
    ("plans", "answers"),
    [
        pytest.param((plan(*CHAIN), REFUSED), ANSWERS, id="of-a-plan"),
        pytest.param((plan(*CHAIN),) * 2, {**ANSWERS, CHAIN[0]: REFUSED}, id="of-all-steps"),
        pytest.param(
            (plan(*CHAIN),) * 2, {**ANSWERS, "When was Ada Rook born?": REFUSED}, id="of-one-step"
        ),
    ],
)
async def test_plans_are_not_blamed_for_an_endpoint_that_fails(plans, answers):
    own, _, _ = trials(*plans, answers=answers)

    with pytest.raises(InputError) as caught:
        await own.run([row()])

    assert "1 of 1 could not be tried (the first: endpoint: it refuses the key." in str(
        caught.value
    )


async def test_a_step_that_gives_no_valid_answer_is_the_plans_own_failure():
    invalid = LmAnswerError("large model", "invalid answer: empty", "Use another model.")
    own, _, _ = trials(plan(*CHAIN), plan(*OTHER), answers={**ANSWERS, OTHER[0]: invalid})

    (trial,) = await own.run([row()])

    assert [each.reward for each in trial.tried] == [1.0, 0.0]


async def test_a_question_that_cannot_be_tried_leaves_the_others_alone():
    told = []
    own, engine, _ = trials(plan(*CHAIN), plan(*OTHER), report=lambda *state: told.append(state))
    rows = [row(f"q{number}") for number in range(9)]
    too_long = row("long", f"{SECRET} {'x' * LONGEST_STEP}")

    found = await own.run([*rows[:4], too_long, *rows[4:]])

    assert isinstance(found[4], InputError)
    assert SECRET not in str(found[4])
    assert [each.question_id for each in found[:4] + found[5:]] == [f"q{n}" for n in range(9)]
    assert not any(own_id.startswith("long") for own_id in engine.asked)
    assert told == [("try plans", 10, 10)]


async def test_too_many_failures_end_the_trials_before_all_is_paid():
    own, engine, _ = trials(REFUSED, plan(*CHAIN))

    with pytest.raises(InputError, match="32 of 100 could not be tried") as caught:
        await own.run([row(f"q{number}") for number in range(100)])

    assert caught.value.remedy == "Correct that; nothing was written."
    assert len(engine.requests) == 64
