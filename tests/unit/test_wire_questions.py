import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate import wire
from headgate.errors import InputError, RemoteError
from headgate.questions import (
    Answered,
    GivenQuestion,
    Passage,
    PlanMade,
    QuestionAnswer,
    StepAnswer,
    StepDone,
)
from headgate.types import Decision, GuaranteeState, PlanStep, Step, Tier, Usage
from headgate.v1 import question_answering_service_pb2, types_pb2

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.text(string.ascii_lowercase, min_size=1, max_size=8)
counts = st.integers(0, 2**32 - 1)
floats = st.floats(allow_nan=False)
usages = st.builds(Usage, counts, counts, counts, floats, st.booleans())
steps = st.builds(
    Step, names, names, st.sampled_from(Decision), floats, st.none() | floats, detail=texts
)
paths = st.lists(steps, max_size=2).map(tuple)
tiers = st.none() | st.sampled_from(Tier)
questions = st.builds(GivenQuestion, names, texts)
passages = st.lists(st.builds(Passage, texts, texts, texts, floats, st.booleans()), max_size=2).map(
    tuple
)
plans = st.lists(
    st.builds(PlanStep, counts, texts, st.booleans(), st.lists(counts, max_size=2).map(tuple)),
    max_size=2,
).map(tuple)
step_answers = st.builds(
    StepAnswer,
    step=counts,
    question=texts,
    answer=texts,
    abstained=st.booleans(),
    confidence=floats,
    tier=tiers,
    passages=passages,
    path=paths,
    usage=usages,
    degraded=texts,
)
answers = st.builds(
    QuestionAnswer,
    id=texts,
    answer=texts,
    abstained=st.booleans(),
    confidence=floats,
    tier=tiers,
    passages=passages,
    plan=plans,
    steps=st.lists(step_answers, max_size=2).map(tuple),
    path=paths,
    rationale=texts,
    usage=usages,
    certificate_id=names,
    guarantee=st.sampled_from(GuaranteeState),
    degraded=texts,
    cached=st.booleans(),
    lossy_input=st.booleans(),
)
events = st.one_of(
    st.builds(PlanMade, texts, plans),
    st.builds(StepDone, texts, step_answers),
    st.builds(Answered, answers),
)
ERROR = RemoteError("INTERNAL", "RECORD_FAILED", "no")


def parsed(message):
    """Return what the other side of a connection gets."""
    return type(message).FromString(message.SerializeToString())


def question_over_the_wire(question, index=0):
    return wire.question_from_wire(parsed(wire.question_to_wire(question)), index)


class TestQuestion:
    @given(questions)
    def test_it_comes_back_equal(self, question):
        assert question_over_the_wire(question) == question

    def test_without_an_id_its_position_is_taken(self):
        assert question_over_the_wire(GivenQuestion("", "Who?"), 3) == GivenQuestion("3", "Who?")

    def test_bytes_that_are_not_utf_8_mark_it_as_lossy(self):
        text = "Grüße?".encode("latin-1").decode(errors="surrogateescape")

        question = question_over_the_wire(GivenQuestion("a", text))

        assert question == GivenQuestion("a", "Gr��e?", lossy=True)

    @given(st.binary())
    def test_any_bytes_are_a_question(self, data):
        message = question_answering_service_pb2.Question(text=data)

        assert wire.question_from_wire(message, 0).id == "0"

    def test_an_id_that_cannot_be_sent_is_refused(self):
        with pytest.raises(InputError, match="not valid Unicode"):
            wire.question_to_wire(GivenQuestion("\ud800", "Who?"))


class TestAnswer:
    @given(answers)
    def test_it_comes_back_equal(self, answer):
        back = wire.question_answer_from_wire(parsed(wire.question_answer_to_wire(answer)))

        assert back == answer

    def test_errors_come_back_as_remote_errors(self):
        answer = QuestionAnswer("a", steps=(StepAnswer(1, error=ERROR),), error=ERROR)

        back = wire.question_answer_from_wire(parsed(wire.question_answer_to_wire(answer)))

        assert back.error is not None
        assert back.error.args == ERROR.args
        assert back.steps[0].error is not None
        assert back.steps[0].error.args == ERROR.args

    def test_what_models_and_passages_say_never_costs_the_answer(self):
        """A lone surrogate, which no message can hold, becomes a question mark."""
        odd = "a\ud800"
        answer = QuestionAnswer(
            odd,
            answer=odd,
            passages=(Passage(odd, odd, odd, 0.5),),
            plan=(PlanStep(1, odd),),
            steps=(StepAnswer(1, odd, odd),),
            rationale=odd,
        )

        back = wire.question_answer_from_wire(parsed(wire.question_answer_to_wire(answer)))

        assert (back.id, back.answer, back.rationale) == ("a?", "a?", "a?")
        assert back.passages == (Passage("a?", "a?", "a?", 0.5),)
        assert back.plan == (PlanStep(1, "a?"),)
        assert back.steps == (StepAnswer(1, "a?", "a?"),)

    @pytest.mark.parametrize(
        "message",
        [
            pytest.param(question_answering_service_pb2.QuestionAnswer(tier=99), id="tier"),
            pytest.param(
                question_answering_service_pb2.QuestionAnswer(steps=[{"tier": 99}]), id="step"
            ),
            pytest.param(
                question_answering_service_pb2.QuestionAnswer(path=[types_pb2.Step(decision=99)]),
                id="decision",
            ),
        ],
    )
    def test_what_only_a_newer_server_knows_is_refused(self, message):
        with pytest.raises(InputError, match="99, which this version does not know"):
            wire.question_answer_from_wire(message)


class TestEvent:
    @given(events)
    def test_it_comes_back_equal(self, event):
        assert wire.answer_event_from_wire(parsed(wire.answer_event_to_wire(event))) == event

    def test_news_of_a_kind_that_is_not_known_is_no_event(self):
        message = question_answering_service_pb2.StreamAnswersResponse(revision="r1")

        assert wire.answer_event_from_wire(message) is None

    @given(events)
    def test_it_names_its_question(self, event):
        message = wire.answer_event_to_wire(event)

        given = [message.plan.question_id, message.step.question_id, message.answer.id]
        assert event.question_id in given
