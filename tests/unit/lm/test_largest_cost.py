"""The most a request can cost, told before it is sent; never less than what is paid in the end."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.errors import LmAnswerError
from headgate.lm.decide import LmRequest
from headgate.lm.large_model import MESSAGE_TOKENS, MOST_CALLS, LargeModel
from headgate.lm.ledger import Price
from headgate.lm.rank import RankItem, RankRequest
from headgate.lm.replay import ReplayEngine
from headgate.lm.seam import RawAnswer, TransientLmError
from headgate.types import Candidate, Deadline, Hit

PRICE = Price(3.0, 7.0)
LONGEST = 40
"""Tokens that an answer may have."""


class Greedy:
    """An endpoint that takes every byte for a token, answers at length, and counts the schema."""

    name = "greedy"
    recorded = False

    def __init__(self, *replies, output_tokens=LONGEST):
        self._replies = list(replies)
        self._output_tokens = output_tokens
        self.billed_usd = 0.0
        """All that the endpoint will ask for, calls that failed included."""

    async def answer(self, question, deadline, fault=""):
        texts = [message["content"] for message in question.messages(fault)]
        texts.append(json.dumps(question.response_format()))
        tokens = sum(len(text.encode()) for text in texts) + MESSAGE_TOKENS
        self.billed_usd += PRICE.cost_usd(tokens, self._output_tokens)
        reply = self._replies.pop(0)
        if reply == "busy":
            raise TransientLmError("greedy", "busy", "Wait.")
        return RawAnswer(reply, tokens, self._output_tokens)

    async def close(self):
        """Hold nothing."""


def asked(engine, request):
    """Return the model's bound, and what it booked; an answer that stays invalid is paid too."""
    model = LargeModel(engine, price=PRICE, max_output_tokens=LONGEST, backoff_s=(0.0, 0.0))

    async def ask():
        try:
            await model.complete_one(request, Deadline.after(5))
        except (LmAnswerError, TransientLmError):
            return

    asyncio.run(ask())
    return model.largest_cost_usd(request), model.ledger.total().cost_usd


TEXTS = st.text(max_size=60)
LABELS = st.lists(st.text('äb\u202e\n{"', min_size=1, max_size=20), min_size=1, max_size=4)
REPLIES = st.sampled_from(
    [
        ["Label: first"],
        ["busy", "Label: first"],
        ["nonsense", "Label: first"],
        ["busy", "nonsense", "Label: first"],
        ["busy", "busy"],
        ["Label: no label at all, and more than once", "nonsense"],
        ["busy", '{"label": 1}', '{"label": 1, "label": 2}'],
    ]
)


@settings(max_examples=40, deadline=None)
@given(TEXTS, st.lists(TEXTS, max_size=2), LABELS, REPLIES, st.integers(0, LONGEST))
def test_no_request_costs_more_than_was_told(text, cases, labels, replies, output_tokens):
    """Whatever is in it, and however often it takes an answer to come."""
    evidence = tuple(
        Hit(str(place), 0.5, case, {"label": "x", "reason": case})
        for place, case in enumerate(cases)
    )
    request = LmRequest("r", "Sort.", {"log": text}, ("first", *labels), evidence=evidence)
    engine = Greedy(*replies, output_tokens=output_tokens)

    bound_usd, booked_usd = asked(engine, request)

    assert booked_usd <= engine.billed_usd * (1 + 1e-9)
    assert engine.billed_usd <= bound_usd


def test_three_full_calls_with_the_longest_note_on_a_fault_cost_the_bound_at_most(ask):
    """Worked out: two calls without a note and one with it are less than three with it."""
    engine = Greedy("busy", "nonsense", "Label: disk")

    bound_usd, booked_usd = asked(engine, ask())

    assert booked_usd < engine.billed_usd <= bound_usd
    assert bound_usd < 1.1 * engine.billed_usd


def test_candidates_and_their_ids_are_part_of_the_bound():
    ids = ("c0", "c1")
    bare = LmRequest("r", "Rank.", {"log": "x"}, ids)
    full = LmRequest(
        "r", "Rank.", {"log": "x"}, ids, candidates=tuple(Candidate(i, "worn" * 50) for i in ids)
    )
    engine = Greedy("Label: c0")

    bound_usd, _ = asked(engine, full)

    assert bound_usd > asked(Greedy("Label: c0"), bare)[0]
    assert engine.billed_usd <= bound_usd


COLUMNS = st.lists(
    st.builds(
        lambda fields, texts: RankItem(
            "r", fields, tuple(Candidate(own, own * 9) for own in texts)
        ),
        st.dictionaries(TEXTS, TEXTS, max_size=3),
        st.lists(st.text(max_size=70), min_size=1, max_size=4, unique=True),
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.parametrize("recorded", [False, True])
@settings(max_examples=25, deadline=None)
@given(instruction=st.sampled_from(["", "Match the columns."]), items=COLUMNS)
def test_items_that_share_a_prompt_cost_no_more_than_each_alone(recorded, instruction, items):
    """So whoever may pay for each alone may put them together."""
    engine = ReplayEngine({}) if recorded else Greedy()
    model = LargeModel(engine, price=PRICE, max_output_tokens=LONGEST)

    alone = [model.largest_cost_usd(RankRequest(instruction, (item,))) for item in items]

    together = model.largest_cost_usd(RankRequest(instruction, tuple(items)))
    assert max(alone) * (1 - 1e-9) <= together <= sum(alone) * (1 + 1e-9)


def test_a_shared_prompt_costs_the_bound_at_most():
    items = tuple(RankItem(own, {"name": own}, (Candidate("a", "x"),)) for own in ("r1", "r2"))
    engine = Greedy("busy", "nonsense", '{"c1": [], "c2": []}', output_tokens=2 * LONGEST)

    bound_usd, booked_usd = asked(engine, RankRequest("Match.", items))

    assert booked_usd < engine.billed_usd <= bound_usd


def test_the_bound_grows_with_the_longest_answer_and_the_price(ask):
    """Each of three calls may bring so many tokens."""
    short, longer = (
        LargeModel(Greedy(), price=Price(0.0, 2.0), max_output_tokens=tokens)
        for tokens in (100, 200)
    )

    assert short.largest_cost_usd(ask()) == pytest.approx(MOST_CALLS * 100 * 2.0 / 1e6)
    assert longer.largest_cost_usd(ask()) == pytest.approx(2 * short.largest_cost_usd(ask()))


def test_what_has_no_price_costs_nothing(ask):
    assert LargeModel(Greedy()).largest_cost_usd(ask()) == 0.0


def test_text_without_letters_of_its_own_is_counted_as_it_is_sent(ask):
    """A lone surrogate cannot be sent; it is escaped, which takes six bytes."""
    plain, escaped = (
        LargeModel(Greedy(), price=PRICE).largest_cost_usd(ask(text)) for text in ("", "\ud800")
    )

    assert escaped - plain == pytest.approx(MOST_CALLS * PRICE.cost_usd(len("\\ud800"), 0))


def test_recorded_answers_are_asked_for_once(ask):
    recorded = ReplayEngine({"r1": RawAnswer("Label: disk", 10, 5)})
    model = LargeModel(
        recorded, price=Price(0.0, 2.0), max_output_tokens=recorded.max_output_tokens
    )

    assert model.largest_cost_usd(ask()) == pytest.approx(5 * 2.0 / 1e6)


def test_asking_for_the_bound_asks_nobody(ask):
    engine = Greedy()

    LargeModel(engine, price=PRICE).largest_cost_usd(ask())

    assert engine.billed_usd == 0.0
