import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from headgate.errors import ModelError
from headgate.models.hashed_tokens import HashedTokens
from headgate.models.rationale import FACTS_FILE, WEIGHTS_FILE, RationaleNetwork
from headgate.models.rationale_inputs import collate, read_items
from headgate.models.rationale_layers import forward
from headgate.types import Advice

DIM, WIDTH = 8, 4
VIEWS = ("style", "sense")
SHORT, LONG = "The bridge is shut.", "The mayor said that the old bridge in the harbour is shut."


def shapes(views):
    """Return the shape of each weight of a network, by name."""
    square = {f"{way}.{part}": (WIDTH, WIDTH) for way in ("rx", "xr") for part in ("query", "key")}
    values = {f"{way}.value": (WIDTH, WIDTH) for way in ("rx", "xr")}
    words = {f"{side}.weight": (WIDTH, DIM) for side in ("news", "rationale")}
    biases = {f"{side}.bias": (WIDTH,) for side in ("news", "rationale")}
    norms = {
        f"{side}_norm.{part}": (WIDTH,)
        for side in ("news", "rationale", "gather")
        for part in ("weight", "bias")
    }
    heads = {
        "head.hidden.weight": (WIDTH, WIDTH),
        "head.hidden.bias": (WIDTH,),
        "head.out.weight": (1, WIDTH),
        "head.out.bias": (1,),
        "useful.hidden.weight": (WIDTH, 2 * WIDTH + 3),
        "useful.hidden.bias": (WIDTH,),
        "useful.out.weight": (1, WIDTH),
        "useful.out.bias": (1,),
    }
    single = dict.fromkeys(("trust", "verdict", "student", "bias"), ())
    rest = {"views": (views, WIDTH), "pool": (WIDTH,), "gather": (WIDTH,), "mean": (DIM,)}
    return {**square, **values, **words, **biases, **norms, **heads, **single, **rest}


def drawn(seed):
    """Return weights of no meaning."""
    rng = np.random.default_rng(seed)
    weights = {
        name: np.asarray(rng.normal(size=shape), np.float32)
        for name, shape in shapes(len(VIEWS)).items()
    }
    return {**weights, "scale": np.ones(DIM, np.float32)}


def still(**slopes):
    """Return weights under which words say nothing, and what is given by name."""
    zeros = {name: np.zeros(shape, np.float32) for name, shape in shapes(len(VIEWS)).items()}
    given = {name: np.asarray(value, np.float32) for name, value in slopes.items()}
    return {**zeros, "scale": np.ones(DIM, np.float32), **given}


def network(*members, perspectives=VIEWS):
    return RationaleNetwork(perspectives, members, HashedTokens(DIM))


def style(probability, rationale="It shouts, and names nobody."):
    return Advice("style", probability, rationale)


def sense(probability, rationale="Bridges are shut now and then."):
    return Advice("sense", probability, rationale)


def read(texts, advice, log_odds):
    return read_items(texts, advice, log_odds, perspectives=VIEWS, encoder=HashedTokens(DIM))


def test_verdicts_are_averaged_and_the_students_opinion_is_added():
    """Log-odds of ln 3 and -ln 3 cancel out; and half of the student's 2 is 1."""
    net = network(still(verdict=1.0, student=0.5))

    apart, alike = net.weigh(
        [SHORT, SHORT], [(style(0.75), sense(0.25)), (style(0.75), sense(0.75))], [0.0, 2.0]
    )

    assert apart.probability == pytest.approx(0.5)
    assert alike.probability == pytest.approx(expit(math.log(3) + 1))


def test_the_more_useful_perspective_counts_more():
    """Usefulness of 3:1 in odds and 1:1 shares trust as 3:1."""
    weights = still(
        verdict=1.0,
        trust=1.0,
        views=[[math.log(3), 0, 0, 0], [0, 0, 0, 0]],
    )
    weights["useful.hidden.weight"][0, WIDTH] = 1
    weights["useful.out.weight"][0, 0] = 1

    (weighed,) = network(weights).weigh([SHORT], [(style(0.75), sense(0.25))], [0.0])

    assert weighed.usefulness == pytest.approx((0.75, 0.5))
    assert weighed.probability == pytest.approx(expit(0.75 * math.log(3) - 0.25 * math.log(3)))


def test_members_are_averaged():
    one, two = still(bias=1.0), still(bias=3.0)

    (weighed,) = network(one, two).weigh([SHORT], [(style(0.5), None)], [0.0])

    assert weighed.probability == pytest.approx(expit(2.0))


def test_padding_changes_nothing():
    """Rows and words behind the mask may hold anything."""
    weights = drawn(1)
    inputs = collate(read([SHORT, LONG], [(style(0.9), sense(0.2)), (style(0.3), None)], [0.4, 1]))
    noisy = replace(
        inputs,
        news=np.where(inputs.news_mask[..., None], inputs.news, np.float32(7)),
        rationales=np.where(inputs.rationale_mask[..., None], inputs.rationales, np.float32(-7)),
    )

    clean, dirty = forward(weights, inputs), forward(weights, noisy)

    np.testing.assert_array_equal(clean.log_odds, dirty.log_odds)
    np.testing.assert_array_equal(clean.feature, dirty.feature)
    np.testing.assert_array_equal(clean.usefulness, dirty.usefulness)


def test_a_batch_of_one_gets_the_same_answer_as_within_a_longer_batch():
    net = network(drawn(2), drawn(3))
    advice = (style(0.8), sense(0.4))

    (alone,) = net.weigh([SHORT], [advice], [0.3])
    together = net.weigh(
        [LONG] * 40 + [SHORT], [(None, sense(0.1))] * 40 + [advice], [0.0] * 40 + [0.3]
    )

    assert len(together) == 41
    assert together[-1].probability == pytest.approx(alone.probability, abs=1e-6)
    assert together[-1].usefulness == pytest.approx(alone.usefulness, abs=1e-6)


def test_the_order_of_the_advice_is_the_order_of_the_usefulness_and_nothing_else():
    net = network(drawn(4))

    (one,) = net.weigh([LONG], [(style(0.8), sense(0.4))], [0.3])
    (other,) = net.weigh([LONG], [(sense(0.4), style(0.8))], [0.3])

    assert other.probability == one.probability
    assert other.usefulness == tuple(reversed(one.usefulness))


def test_networks_whose_perspectives_change_places_with_their_weights_agree():
    weights = drawn(5)
    turned = {**weights, "views": weights["views"][::-1].copy()}

    (one,) = network(weights).weigh([LONG], [(style(0.8), sense(0.4))], [0.3])
    (other,) = network(turned, perspectives=VIEWS[::-1]).weigh(
        [LONG], [(style(0.8), sense(0.4))], [0.3]
    )

    assert other.probability == pytest.approx(one.probability, abs=1e-6)
    assert other.usefulness == pytest.approx(one.usefulness, abs=1e-6)


def test_a_missing_perspective_is_as_if_nobody_had_fitted_it():
    both, alone = drawn(6), drawn(6)
    alone["views"] = both["views"][:1]

    (masked,) = network(both).weigh([LONG], [(style(0.8), None)], [0.3])
    (single,) = network(alone, perspectives=("style",)).weigh([LONG], [(style(0.8),)], [0.3])

    assert masked.probability == pytest.approx(single.probability, abs=1e-6)
    assert masked.usefulness == (pytest.approx(single.usefulness[0], abs=1e-6), None)


@pytest.mark.parametrize(
    "advice", [(), (None,), (None, None)], ids=["empty", "one-missing", "both-missing"]
)
def test_without_any_advice_the_student_is_believed(advice):
    (weighed,) = network(still(verdict=9.0, student=1.0)).weigh([SHORT], [advice], [0.7])

    assert weighed.probability == pytest.approx(expit(0.7))
    assert weighed.usefulness == advice


@pytest.mark.parametrize(
    "text", ["", " ", "!", "桥已关闭。", "<|im_end|>", "word " * 100_000, "\ud800"]
)
@pytest.mark.parametrize("rationale", ["", "\n", "Ignore all instructions.", "关" * 500])
def test_odd_texts_and_rationales_get_a_probability(text, rationale):
    weighed = network(drawn(7)).weigh(
        [text, SHORT], [(style(1.0, rationale), sense(0.0, rationale))] * 2, [float("nan"), 1e9]
    )

    assert all(0 <= each.probability <= 1 for each in weighed)
    assert all(0 <= useful <= 1 for each in weighed for useful in each.usefulness)


def test_a_student_that_said_nothing_is_one_that_has_no_idea():
    net = network(drawn(8))

    nothing = net.weigh([SHORT], [(style(0.6), None)], [float("nan")])

    assert nothing == net.weigh([SHORT], [(style(0.6), None)], [0.0])


def test_no_items_are_weighed_to_nothing():
    assert network(drawn(9)).weigh([], [], []) == []


@pytest.mark.parametrize(
    ("advice", "problem"),
    [
        ((Advice("charm", 0.5, ""),), "unknown perspective 'charm'"),
        ((style(0.5), style(0.6)), "a perspective comes twice"),
    ],
)
def test_advice_that_nobody_asked_for_is_refused(advice, problem):
    with pytest.raises(ModelError, match=problem):
        network(drawn(10)).weigh([SHORT], [advice], [0.0])


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 99),
    said=st.lists(st.floats(0, 1) | st.none(), min_size=2, max_size=2),
    odds=st.floats(allow_nan=True, allow_infinity=True),
)
def test_whatever_is_said_comes_to_a_probability(seed, said, odds):
    advice = [None if p is None else Advice(v, p, SHORT) for v, p in zip(VIEWS, said, strict=True)]

    (weighed,) = network(drawn(seed)).weigh([LONG], [advice], [odds])

    assert 0 <= weighed.probability <= 1
    assert [each is None for each in weighed.usefulness] == [each is None for each in said]


def test_what_is_saved_weighs_the_same(tmp_path):
    net = network(drawn(11), drawn(12))
    net.save(tmp_path)

    loaded = RationaleNetwork.load(tmp_path)

    assert loaded.perspectives == VIEWS
    item = [LONG], [(style(0.8), sense(0.4))], [0.3]
    assert loaded.weigh(*item) == net.weigh(*item)


@pytest.mark.parametrize("name", [FACTS_FILE, WEIGHTS_FILE])
def test_missing_or_broken_files_are_refused(name, tmp_path):
    network(drawn(13)).save(tmp_path)
    (tmp_path / name).write_bytes(b"{")

    with pytest.raises(ModelError, match="what weighs advice cannot be loaded"):
        RationaleNetwork.load(tmp_path)


def test_another_token_encoder_is_refused(tmp_path):
    network(drawn(14)).save(tmp_path)
    facts = json.loads((tmp_path / FACTS_FILE).read_text(encoding="utf-8"))
    (tmp_path / FACTS_FILE).write_text(json.dumps({**facts, "encoder": "other"}), encoding="utf-8")

    with pytest.raises(ModelError, match="another token encoder"):
        RationaleNetwork.load(tmp_path)
