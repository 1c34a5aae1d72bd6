import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domains.questions.plan import (
    LONGEST_STEP,
    MOST_ANSWERS,
    MOST_STEPS,
    Plan,
    PlanStep,
    format_plan,
    parse_plan,
    references,
    substitute,
    undecomposed,
    validated,
)
from headgate.errors import InputError

FOUNDER = PlanStep(1, "Who founded the Harbour Mill?")
BORN = PlanStep(2, "When was #1 born?", True, (1,))


@st.composite
def plans(draw):
    """Steps whose texts refer to some of those before them."""
    steps = []
    for number in range(1, draw(st.integers(1, MOST_STEPS)) + 1):
        earlier = sorted(draw(st.sets(st.integers(1, number - 1)))) if number > 1 else []
        text = " ".join(["which", *(f"#{each}" for each in earlier), "was it?"])
        steps.append(PlanStep(number, text, draw(st.booleans()), tuple(earlier)))
    return Plan(tuple(steps))


def test_what_a_text_refers_to_need_not_be_said_twice():
    assert validated([FOUNDER, PlanStep(2, " When was #1 born?\n")]) == Plan((FOUNDER, BORN))


def test_a_step_may_wait_for_answers_that_its_text_does_not_name():
    steps = [FOUNDER, PlanStep(2, "Who sold it?"), PlanStep(3, "Who was older?", False, (2, 1))]

    assert validated(steps).steps[2].refers_to == (1, 2)


@pytest.mark.parametrize(
    ("steps", "place"),
    [
        pytest.param([], "plan", id="no-steps"),
        pytest.param([PlanStep(n, "Who?") for n in range(1, 10)], "plan", id="too-many"),
        pytest.param([PlanStep(0, "Who?")], "plan.steps[0].id", id="from-zero"),
        pytest.param([PlanStep(2, "Who?")], "plan.steps[0].id", id="from-two"),
        pytest.param([FOUNDER, FOUNDER], "plan.steps[1].id", id="twice"),
        pytest.param([FOUNDER, PlanStep(3, "Who?")], "plan.steps[1].id", id="gap"),
        pytest.param([PlanStep(1, " \n")], "plan.steps[0].text", id="empty"),
        pytest.param([PlanStep(1, "w" * (LONGEST_STEP + 1))], "plan.steps[0].text", id="too-long"),
        pytest.param([PlanStep(1, "Who is #1?")], "plan.steps[0].refers_to", id="itself"),
        pytest.param([PlanStep(1, "Who is #2?"), BORN], "plan.steps[0].refers_to", id="forwards"),
        pytest.param(
            [FOUNDER, PlanStep(2, "Who is #12?")], "plan.steps[1].refers_to", id="nowhere"
        ),
        pytest.param([FOUNDER, PlanStep(2, "?", True, (0,))], "plan.steps[1].refers_to", id="zero"),
        pytest.param(
            [FOUNDER, PlanStep(2, "?", True, (-1,))], "plan.steps[1].refers_to", id="negative"
        ),
        pytest.param(
            [FOUNDER, PlanStep(2, "Is the answer of Question 1 alive?")],
            "plan.steps[1].text",
            id="words",
        ),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(steps, place):
    with pytest.raises(InputError) as refused:
        validated(steps)

    assert refused.value.place == place


def test_a_refusal_holds_nothing_of_the_question():
    with pytest.raises(InputError) as refused:
        validated([FOUNDER, PlanStep(2, "Is Mallory older than #3?")])

    assert "Mallory" not in str(refused.value)
    assert "step 2 refers to 3" in str(refused.value)


def test_the_number_of_steps_can_be_limited_further():
    with pytest.raises(InputError, match="2 steps"):
        validated([FOUNDER, BORN], most_steps=1)


def test_a_question_about_a_question_is_no_reference():
    """The first step has nothing before it, and 7 is no earlier step."""
    steps = [PlanStep(1, "Who wrote Question 1?"), PlanStep(2, "Who answered question 7 of #1?")]

    assert validated(steps).steps[1].refers_to == (1,)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("Is #2 older than #1 or #2?", (1, 2), id="each-once"),
        pytest.param("#10", (10,), id="ten-is-not-one"),
        pytest.param("#1's wife and (#2), #3.", (1, 2, 3), id="beside-punctuation"),
        pytest.param("C#1, ##1, &#39;, #1a2b3c, #1_x, #0, #01, #100, # 1", (), id="no-references"),
        pytest.param(
            "\N{FULLWIDTH NUMBER SIGN}1 #\N{ARABIC-INDIC DIGIT ONE}", (), id="other-signs"
        ),
        pytest.param("谁是#1?", (), id="a-letter-before"),
        pytest.param("谁是 #1?", (1,), id="another-script"),
    ],
)
def test_references_are_numbers_behind_a_sign_of_their_own(text, found):
    assert references(text) == found


def test_steps_that_need_each_other_wait_and_others_do_not():
    steps = [
        PlanStep(1, "Who founded the mill?"),
        PlanStep(2, "Who founded the bank?"),
        PlanStep(3, "When was #1 born?"),
        PlanStep(4, "Who was older, #1 or #2?"),
        PlanStep(5, "Was #4 older than #3?"),
    ]

    waves = validated(steps).waves()

    assert [[step.id for step in wave] for wave in waves] == [[1, 2], [3, 4], [5]]


@given(plans())
def test_each_step_is_in_one_wave_behind_all_it_refers_to(plan):
    done = set()
    for wave in plan.waves():
        assert all(set(step.refers_to) <= done for step in wave)
        done |= {step.id for step in wave}
    assert done == {step.id for step in plan.steps}
    assert sum(map(len, plan.waves())) == len(plan.steps)


@pytest.mark.parametrize("question", ["", "Which song was #1 in May?", "W" * 100_000, "誰?"])
def test_an_undecomposed_question_is_one_step_whatever_it_holds(question):
    plan = undecomposed(question)

    assert plan == Plan((PlanStep(1, question),))
    assert not plan.decomposed
    assert plan.waves() == ((PlanStep(1, question),),)


@given(plans())
def test_a_plan_comes_back_from_its_text(plan):
    assert parse_plan(format_plan(plan)) == plan


def test_the_text_of_a_plan_is_one_step_a_line():
    plan = Plan((FOUNDER, PlanStep(2, "Is\n#1 alive?", False, (1,))))

    assert format_plan(plan).splitlines() == [
        "### Q1: Who founded the Harbour Mill? ## Need Context? ## Yes",
        "### Q2: Is #1 alive? ## Need Context? ## No",
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("1. Who founded the Harbour Mill?\n2) When was #1 born?", id="numbers"),
        pytest.param(
            "**Q1: Who founded the Harbour Mill?\r\n\r\n Step 2: When was #1 born? ", id="words"
        ),
        pytest.param(
            "### Q1: Who founded the Harbour Mill? ## Need Context? ## Yes.\n"
            "### Q2: When was #1 born? need context?: YES",
            id="flags",
        ),
    ],
)
def test_a_plan_is_read_as_models_write_it(text):
    assert parse_plan(text) == Plan((FOUNDER, BORN))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("", "plan", id="empty"),
        pytest.param("Sure! Here is the plan:", "plan, line 1", id="prose"),
        pytest.param("1. Who?\nand when?", "plan, line 2", id="continued"),
        pytest.param("1. Who?\n1. When?", "plan.steps[1].id", id="numbers-again"),
        pytest.param("1.", "plan.steps[0].text", id="no-question"),
        pytest.param("Q1: ## Need Context? ## No", "plan.steps[0].text", id="a-flag-alone"),
        pytest.param("Who?\n" * 1_000, "plan", id="a-thousand-lines"),
        pytest.param("9" * 10_000 + ": Who?", "plan, line 1", id="a-long-number"),
    ],
)
def test_a_text_that_is_no_plan_is_refused(text, place):
    with pytest.raises(InputError) as refused:
        parse_plan(text)

    assert refused.value.place == place


@pytest.mark.timeout(5)
@pytest.mark.parametrize("filler", ["#", " ", "# ", "need context? ", "1. ", "need context?#"])
def test_a_hostile_line_is_read_in_time(filler):
    """Patterns that try every way to cut a line would not come back from these."""
    with pytest.raises(InputError):
        parse_plan("1. " + filler * 20_000)


def test_an_answer_takes_the_place_of_its_reference_alone():
    answers = {1: ["Ada Pell"], 10: ["Rook"]}

    assert substitute("Did #1's aunt meet #10 or #2?", answers) == (
        "Did Ada Pell's aunt meet Rook or #2?"
    )


def test_several_answers_are_joined_each_once_and_not_too_many():
    answers = {1: ["b", " a\n a ", "b", "", *"cdefgh"]}

    assert substitute("Which of #1?", answers) == "Which of b, a a, c, d, e?"
    assert MOST_ANSWERS == 5


@pytest.mark.parametrize("answers", [{}, {1: []}, {1: ["", " "]}], ids=["no", "none", "blank"])
def test_a_reference_without_an_answer_stays(answers):
    assert substitute("When was #1 born?", answers) == "When was #1 born?"


def test_a_reference_inside_an_answer_is_text():
    """And so is what a regular expression would take for a group."""
    assert substitute("#1 or #2", {1: [r"#2 \1 \g<0>"], 2: ["#1"]}) == r"#2 \1 \g<0> or #1"


@given(st.text(), st.dictionaries(st.integers(1, 99), st.lists(st.text())))
def test_any_text_takes_any_answers(text, answers):
    found = substitute(text, answers)

    assert found == text or references(text)
