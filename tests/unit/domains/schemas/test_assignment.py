import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domains.schemas.assignment import UNMATCHED_PRICE, Assignment, assign

PRICES = st.sampled_from([0.0, 0.25, 0.45, 1.0])
# Few different scores, so that many sets are worth the same.
SCORES = st.dictionaries(
    st.sampled_from("abcd"),
    st.dictionaries(st.sampled_from("wxyz"), st.integers(0, 8).map(lambda eighth: eighth / 8)),
)


def worth(found, scores, price):
    pairs = sum(scores[source][target] for source, target in found.pairs.items())
    return pairs + price * len(found.abstained)


def greedy_worth(scores, price):
    """The surest pair first, as long as it passes the price."""
    left, free, total = dict(scores), set("wxyz"), 0.0
    while left:
        open_pairs = [(p, s, t) for s, own in left.items() for t, p in own.items() if t in free]
        score, source, target = max(open_pairs, default=(0.0, "", ""))
        if score <= price:
            break
        del left[source]
        free.remove(target)
        total += score
    return total + price * len(left)


def best_worth(scores, price):
    """Of every way to give each source a free target or none."""
    choices = [[None, *own] for own in scores.values()]
    totals = [0.0] if not choices else []
    for chosen in itertools.product(*choices):
        taken = [target for target in chosen if target is not None]
        if len(set(taken)) == len(taken):
            own = zip(scores.values(), chosen, strict=True)
            totals.append(sum(price if t is None else each[t] for each, t in own))
    return max(totals)


def test_a_column_gives_way_where_the_set_gains_by_it():
    """Greedy takes (b, x) and leaves a unmatched: .95 + .45. Better is .9 + .8."""
    found = assign({"a": {"x": 0.9}, "b": {"x": 0.95, "y": 0.8}})

    assert found == Assignment({"a": "x", "b": "y"}, ())


def test_a_column_that_lost_its_target_takes_no_other_below_the_price():
    found = assign({"a": {"x": 0.9, "y": 0.35}, "b": {"x": 0.95}})

    assert found == Assignment({"b": "x"}, ("a",))


def test_the_price_says_when_to_leave_a_column_unmatched():
    scores = {"a": {"x": 0.6}, "b": {"y": 0.3}}

    assert assign(scores, unmatched_price=0.2).pairs == {"a": "x", "b": "y"}
    assert assign(scores, unmatched_price=0.5).pairs == {"a": "x"}
    assert assign(scores, unmatched_price=0.6).pairs == {}


def test_at_no_price_what_can_be_matched_is_but_not_what_is_impossible():
    found = assign({"a": {"x": 0.01}, "b": {"y": 0.0}}, unmatched_price=0)

    assert found == Assignment({"a": "x"}, ("b",))


@pytest.mark.parametrize(
    ("scores", "abstained"),
    [
        pytest.param({}, (), id="no-columns"),
        pytest.param({"b": {}, "a": {}}, ("a", "b"), id="no-candidates"),
        pytest.param({"a": {"x": 0.1}, "b": {"x": 0.2}}, ("a", "b"), id="all-below-the-price"),
        pytest.param({"a": {"x": UNMATCHED_PRICE}}, ("a",), id="at-the-price"),
    ],
)
def test_nothing_to_match_leaves_every_column(scores, abstained):
    assert assign(scores) == Assignment({}, abstained)


def test_one_candidate_is_enough():
    assert assign({"a": {"x": 0.9}}) == Assignment({"a": "x"}, ())


def test_one_target_for_all_goes_to_the_surest():
    assert assign({"a": {"x": 0.7}, "b": {"x": 0.8}, "c": {"x": 0.6}}) == Assignment(
        {"b": "x"}, ("a", "c")
    )


def test_columns_that_are_alike_take_targets_in_the_order_of_their_ids():
    alike = dict.fromkeys("zyx", 0.8)

    assert assign({"c": alike, "a": alike, "b": alike}).pairs == {"a": "x", "b": "y", "c": "z"}


@pytest.mark.parametrize("score", [float("nan"), -0.1, 1.1, float("inf")])
def test_what_is_no_probability_is_refused(score):
    with pytest.raises(ValueError, match="not 0 to 1"):
        assign({"a": {"x": score}})
    with pytest.raises(ValueError, match="price"):
        assign({}, unmatched_price=score)


@given(SCORES, PRICES)
def test_every_column_is_decided_once_and_no_target_twice(scores, price):
    found = assign(scores, unmatched_price=price)

    assert sorted([*found.pairs, *found.abstained]) == sorted(scores)
    assert len(set(found.pairs.values())) == len(found.pairs)
    assert all(scores[source][target] > price for source, target in found.pairs.items())


@settings(deadline=None)
@given(SCORES, PRICES)
def test_no_other_set_is_worth_more(scores, price):
    """Neither the greedy one nor any that there is."""
    total = worth(assign(scores, unmatched_price=price), scores, price)

    assert total == pytest.approx(best_worth(scores, price))
    assert total >= greedy_worth(scores, price) - 1e-9


@given(SCORES, st.randoms(use_true_random=False))
def test_the_order_of_the_input_decides_nothing(scores, random):
    shuffled = [
        (source, dict(random.sample(list(own.items()), len(own)))) for source, own in scores.items()
    ]
    random.shuffle(shuffled)

    again = assign(dict(shuffled))

    assert (list(again.pairs.items()), again.abstained) == (
        list(assign(scores).pairs.items()),
        assign(scores).abstained,
    )


@pytest.mark.slow
def test_a_thousand_columns_against_ten_thousand_are_matched():
    random = np.random.default_rng(7)
    scores = {
        f"source {row}": {
            f"target {target}": float(score)
            for target, score in zip(random.choice(10_000, 20), random.random(20), strict=True)
        }
        for row in range(1000)
    }

    found = assign(scores)

    assert len(found.pairs) + len(found.abstained) == 1000
    assert len(set(found.pairs.values())) == len(found.pairs) > 900
