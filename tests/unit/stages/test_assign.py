import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domains.schemas.match_record import NO_MATCH
from headgate.errors import StageError
from headgate.stages.assign import Assign
from headgate.types import GuaranteeState, Result, Tier

FAILED = StageError("stage 'candidates'", "the model failed", "Report it.")


def part(name, table_id="t", **beliefs):
    """Return the result of a column with these candidates, best first, and that none fits."""
    order = sorted(beliefs.items(), key=lambda pair: -pair[1])
    ranking = (*order, (NO_MATCH, 0.1))
    return Result(f"{table_id}/{name}", answer=ranking[0][0], tier=Tier.SMALL, ranking=ranking)


def join(*parts, table_id="t", price=0.45):
    return Assign("match", of="columns", unmatched_price=price).join(table_id, parts)


def pairs_of(joined):
    return json.loads(joined.answer)


def test_it_says_what_it_is():
    stage = Assign("match", of="columns", unmatched_price=0.45)

    assert (stage.name, stage.kind, stage.of, stage.model) == ("match", "assign", "columns", "")


def test_a_target_goes_to_the_column_with_which_the_whole_is_worth_most():
    """a-y and b-x are worth 0.7 + 0.8; a-x and b with nothing only 0.9 + 0.45."""
    joined = join(part("a", x=0.9, y=0.7), part("b", x=0.8))

    assert pairs_of(joined) == {"a": "y", "b": "x"}
    assert joined.confidence == pytest.approx(0.75)
    assert [each.answer for each in joined.parts] == ["y", "x"]


def test_a_column_whose_target_is_taken_stays_without_one_unless_the_next_is_worth_it():
    joined = join(part("a", x=0.9), part("b", x=0.8, y=0.4))

    assert pairs_of(joined) == {"a": "x"}
    assert [each.answer for each in joined.parts] == ["x", NO_MATCH]


@pytest.mark.parametrize(("belief", "found"), [(0.44, {}), (0.46, {"a": "x"})])
def test_a_pair_must_be_likelier_than_the_price(belief, found):
    assert pairs_of(join(part("a", x=belief))) == found


def test_that_none_fits_is_no_target():
    """Both columns may have it, however likely it is."""
    sure = (("x", 0.1), (NO_MATCH, 0.9))
    parts = [replace(part(name), ranking=sure) for name in "ab"]

    joined = join(*parts)

    assert (joined.answer, joined.confidence) == ("{}", 0.0)
    assert [each.answer for each in joined.parts] == [NO_MATCH] * 2


def test_a_column_with_an_error_is_left_as_it_is():
    broken = Result("t/b", error=FAILED)

    joined = join(part("a", x=0.9), broken, part("c", y=0.8))

    assert pairs_of(joined) == {"a": "x", "c": "y"}
    assert joined.parts[1] is broken
    assert joined.confidence == pytest.approx(0.85)


def test_a_column_without_a_ranking_has_no_partner():
    joined = join(replace(part("a"), ranking=(), answer="x"))

    assert (joined.answer, joined.parts[0].answer) == ("{}", NO_MATCH)


def test_no_columns_have_no_pairs():
    joined = join()

    assert (joined.answer, joined.confidence, joined.parts) == ("{}", 0.0, ())
    assert joined.elapsed_ms >= 0


def test_only_the_answer_of_a_part_is_changed():
    before = part("a", x=0.9, y=0.8)

    (after,) = join(before, price=0.95).parts

    assert after == replace(before, answer=NO_MATCH)


@pytest.mark.parametrize(
    ("table_id", "name"),
    [
        pytest.param("t", "a/b", id="slash-in-a-column"),
        pytest.param("t/u", "t/u/a", id="the-tables-id-again"),
        pytest.param("", "a", id="no-id"),
        pytest.param("t", 'größe "x"', id="quotes-and-letters"),
    ],
)
def test_pairs_are_by_the_ids_of_the_columns_alone(table_id, name):
    joined = join(part(name, table_id, x=0.9), table_id=table_id)

    assert pairs_of(joined) == {name: "x"}


def test_letters_of_any_language_are_written_as_they_are():
    assert join(part("größe", x=0.9)).answer == '{"größe": "x"}'


def test_warming_up_leaves_nothing_behind():
    stage = Assign("match", of="columns", unmatched_price=0.45)

    stage.warm_up()

    assert stage.join("t", []).answer == "{}"


BELIEFS = st.dictionaries(st.sampled_from("uvwxyz"), st.floats(0, 1), max_size=6)


@given(st.lists(BELIEFS, max_size=8), st.floats(0.01, 0.99))
def test_pairs_are_one_to_one_above_the_price_and_what_the_parts_say(columns, price):
    parts = [part(f"c{place}", **beliefs) for place, beliefs in enumerate(columns)]

    joined = join(*parts, price=price)

    pairs = pairs_of(joined)
    assert len(set(pairs.values())) == len(pairs)
    for place, (each, beliefs) in enumerate(zip(joined.parts, columns, strict=True)):
        partner = pairs.get(f"c{place}", NO_MATCH)
        assert each.answer == partner
        assert partner == NO_MATCH or beliefs[partner] > price
    assert 0 <= joined.confidence <= 1


def test_only_a_column_that_keeps_its_own_answer_keeps_its_claim():
    """A's own answer is x, but the whole is worth more with y; b keeps x, its own."""
    claimed = [
        replace(each, certificate_id="c", guarantee=GuaranteeState.CERTIFIED)
        for each in (part("a", x=0.9, y=0.7), part("b", x=0.8))
    ]

    changed, kept = join(*claimed).parts

    assert (changed.certificate_id, changed.guarantee) == ("", GuaranteeState.UNCERTIFIED)
    assert (kept.certificate_id, kept.guarantee) == ("c", GuaranteeState.CERTIFIED)
