import numpy as np
import pytest

from fakes.made_up_evidence import RARE, USUAL, Sayings, evidence, says, steps
from fakes.made_up_logs import TWO_TIERS
from headgate.fitting.certify_tiers import planned
from headgate.fitting.proven import LADDER
from headgate.gate.bounds import binomial_p_value, net_gap_p_value
from headgate.gate.threshold import KEEP_NOTHING

SURE, UNSURE = 0.9, 0.6


def stated(kind="agree", epsilon=0.1):
    return f"{{score: max_prob, certificate: {{kind: {kind}, epsilon: {epsilon}}}}}"


def proven(loaded, said):
    return planned(evidence(loaded, said), loaded.spec.deferral.certificate, 0)


def label(place):
    """Return a row's label: both are as frequent everywhere, so no map of one learns more."""
    return (USUAL, RARE)[place % 2]


def wrong(place):
    return label(place + 1)


def tier(*blocks):
    """Return what a tier says: so many rows, its confidence, and whether it is right."""
    kinds = [(confidence, right) for count, confidence, right in blocks for _ in range(count)]
    return [
        says(label(place) if right else wrong(place), confidence)
        for place, (confidence, right) in enumerate(kinds)
    ]


def twice(small, large=None):
    """Return the same rows first to tune and then to certify; each column of an even length."""
    count = len(next(iter(small.values())))
    labels = [label(place) for place in range(count)]
    doubled = {name: [*column, *column] for name, column in small.items()}
    return Sayings(doubled, [*(large or labels)] * 2, labels * 2, tune=count)


def kept(loaded, said, found):
    """Return where each certification row leaves."""
    rows = evidence(loaded, said)
    leaves = zip(rows.exits(found.gates), rows.units.certify.tolist(), strict=True)
    return [place for place, certifies in leaves if certifies]


# One tier


def test_a_selective_certificate_counts_kept_rows(cascade):
    """At epsilon 0.1 a first rung wants 111 kept rows; 160 are sure, four of them wrong."""
    loaded = cascade(stated("selective"))
    small = tier((156, SURE, True), (4, SURE, False), (60, UNSURE, False))
    said = twice({"cheap": small})

    found = proven(loaded, said)

    assert (found.certified, found.n, found.bad) == (True, 160, 4)
    assert found.p_value == float(binomial_p_value(4, 160, 0.1))
    assert kept(loaded, said, found) == ["cheap"] * 160 + [""] * 60


def test_better_answers_make_up_for_worse_ones_in_a_net_gap(cascade):
    """Of 200 rows 20 are worse and 40 better than the large model's."""
    small = tier((20, SURE, False), (180, SURE, True))
    large = [wrong(place) if 20 <= place < 60 else label(place) for place in range(200)]

    found = proven(cascade(stated("netgap", 0.05)), twice({"cheap": small}, large))

    assert (found.certified, found.n, found.bad) == (True, 200, 20)
    assert found.p_value == net_gap_p_value(20, 140, 40, 0.05, 0.05)


@pytest.mark.parametrize(("missing", "certified"), [(0, True), (20, False)])
def test_a_missing_answer_of_the_large_model_is_a_gap(cascade, missing, certified):
    """On 20 wrong rows the large model is wrong too, or gave no answer and counts as right."""
    small = tier((20, SURE, False), (180, SURE, True))
    large = [None] * missing + [wrong(p) if p < 20 else label(p) for p in range(missing, 200)]

    found = proven(cascade(stated("netgap", 0.05)), twice({"cheap": small}, large))

    assert found.certified == certified


@pytest.mark.parametrize("kind", ["selective", "netgap"])
def test_what_is_not_proven_keeps_nothing_and_says_why(cascade, kind):
    loaded = cascade(stated(kind))
    said = twice({"cheap": tier((60, SURE, False))})

    found = proven(loaded, said)

    assert (found.certified, found.keeps, found.p_value) == (False, False, 1.0)
    assert found.reason == "60 certification units do not prove it"
    assert found.gates["cheap_keep"].planned
    assert kept(loaded, said, found) == [""] * 60


def test_the_gate_decides_with_the_maps_of_the_plan(cascade):
    """Of each label 80 rows are right, which is 80.5 of 81, and 60 wrong, which is 0.5 of 61."""
    said = twice({"cheap": tier((160, SURE, True), (120, UNSURE, False))})

    gate = proven(cascade(stated("selective")), said).gates["cheap_keep"]

    maps = gate.gate(gate.threshold, {}).maps
    assert maps is not None
    assert maps.by_class[0].confidences == pytest.approx((0.5 / 61, 80.5 / 81))
    assert maps.pooled.confidences == pytest.approx((0.5 / 121, 160.5 / 161))
    assert gate.threshold == pytest.approx(80.5 / 81)


@pytest.mark.parametrize("kind", ["selective", "netgap"])
def test_no_rows_to_tune_on_are_a_bug_of_the_caller(cascade, kind):
    with pytest.raises(ValueError, match="no rows to tune on"):
        proven(cascade(stated(kind)), Sayings({"cheap": tier((40, SURE, True))}))


def test_no_rows_to_certify_on_prove_nothing(cascade):
    said = Sayings({"cheap": tier((40, SURE, True))}, tune=20, idle=range(20, 40))

    found = proven(cascade(stated("selective")), said)

    assert (found.certified, found.reason) == (False, "0 certification units do not prove it")


# Several tiers


def three_ways():
    """The first tier is sure of 100 rows, the second of 60 others, nobody of 40."""
    first = tier((100, SURE, True), (100, UNSURE, False))
    second = tier((100, UNSURE, False), (60, SURE, True), (40, UNSURE, False))
    return twice({"cheap": first, "second": second})


def test_tiers_share_one_threshold_on_their_confidences(cascade):
    """Of each label 50 rows of the first tier are 50.5 of 51, and 30 of the second 30.5 of 31."""
    loaded = cascade(stated(), TWO_TIERS)
    said = three_ways()

    found = proven(loaded, said)

    first, second = found.gates["cheap_keep"], found.gates["second_keep"]
    assert (found.certified, found.n, found.bad) == (True, 200, 0)
    assert first.threshold == second.threshold == pytest.approx(30.5 / 31)
    assert (first.planned, second.planned) == (True, True)
    assert kept(loaded, said, found) == ["cheap"] * 100 + ["second"] * 60 + [""] * 40


def good_first():
    """The first tier is sure and right on all but the last twenty of 400 rows; the second on 20."""
    first = tier((380, SURE, True), (20, UNSURE, False))
    return twice({"cheap": first, "second": tier((20, SURE, True), (380, UNSURE, False))})


def test_a_last_tier_that_was_not_chosen_still_runs_and_keeps_nothing(cascade):
    """Its answer is there when the large model is not; a void certificate changes nothing in it."""
    loaded = cascade(stated(epsilon=0.05), TWO_TIERS)
    said = good_first()

    found = proven(loaded, said)

    first, second = found.gates["cheap_keep"], found.gates["second_keep"]
    assert kept(loaded, said, found) == ["cheap"] * 380 + [""] * 20
    assert first.tightened == first.threshold < KEEP_NOTHING
    assert (second.planned, second.threshold) == (True, KEEP_NOTHING)
    assert (second.tightened, second.ladder) == (KEEP_NOTHING, ())


def test_a_first_tier_that_was_not_chosen_is_not_run(cascade):
    """It is equally sure of right and wrong answers; the second tier knows what it knows."""
    loaded = cascade(stated(), TWO_TIERS)
    first = tier(*[(2, SURE, True), (2, SURE, False)] * 50)
    said = twice({"cheap": first, "second": tier((160, SURE, True), (40, UNSURE, False))})

    found = proven(loaded, said)

    first, second = found.gates["cheap_keep"], found.gates["second_keep"]
    assert kept(loaded, said, found) == ["second"] * 160 + [""] * 40
    assert (first.planned, first.threshold, first.tightened) == (False, KEEP_NOTHING, KEEP_NOTHING)
    assert (first.ladder, second.planned) == ((), True)


def test_the_ladder_is_of_the_tiers_that_were_chosen(cascade):
    """Without an error 400 rows prove 0.01 and not 0.005; 0.1 allows the 20 wrong rows as well."""
    found = proven(cascade(stated(epsilon=0.05), TWO_TIERS), good_first())

    gate = found.gates["cheap_keep"]
    rungs = {rung.epsilon: rung for rung in gate.ladder}
    assert [*rungs] == sorted({*LADDER, 0.0125})
    assert rungs[0.05].threshold == gate.threshold
    assert rungs[0.0125].threshold == gate.tightened
    assert [rungs[each].certified for each in (0.005, 0.01)] == [False, True]
    assert rungs[0.005].threshold == KEEP_NOTHING
    assert rungs[0.1].threshold < gate.threshold


def test_without_a_plan_the_ladder_tells_of_the_last_tier(cascade):
    """The second tier is wrong on 30 of 200 equal rows: too many for 0.1, not for 0.3."""
    first = tier((200, UNSURE, False))
    second = tier(*[(34, SURE, True), (6, SURE, False)] * 5)
    loaded = cascade(stated(epsilon=0.01), TWO_TIERS)

    found = proven(loaded, twice({"cheap": first, "second": second}))

    first, last = found.gates["cheap_keep"], found.gates["second_keep"]
    assert (found.certified, first.planned, last.planned) == (False, False, True)
    assert (found.keeps, first.ladder) == (False, ())
    rungs = {rung.epsilon: rung.certified for rung in last.ladder}
    assert (rungs[0.1], rungs[0.3]) == (False, True)


def test_tuning_rows_alone_choose_tiers_and_maps(cascade):
    """Certification rows that say the opposite end the walk, and move nothing."""
    loaded = cascade(stated(), TWO_TIERS)
    said = three_ways()
    opposite = tier((200, SURE, False))
    turned = {name: [*column[:200], *opposite] for name, column in said.small.items()}

    one = proven(loaded, said)
    other = proven(loaded, Sayings(turned, said.large, said.labels, tune=200))

    assert (one.certified, other.certified) == (True, False)
    for name, gate in one.gates.items():
        assert gate.maps == other.gates[name].maps


def test_copies_neither_tune_nor_certify(cascade):
    loaded = cascade(stated("selective"))
    said = twice({"cheap": tier((160, SURE, True), (40, UNSURE, False))})
    copies = tier((30, SURE, False))
    labels = [*said.labels, *(label(place) for place in range(30))]
    small = {"cheap": [*said.small["cheap"], *copies]}

    with_copies = Sayings(small, labels, labels, tune=200, idle=range(400, 430))

    assert proven(loaded, with_copies) == proven(loaded, said)


def test_scores_of_a_tier_may_all_be_equal(cascade):
    loaded = cascade(stated(), TWO_TIERS)
    said = twice({"cheap": tier((100, 0.8, True)), "second": tier((100, 0.8, True))})

    found = proven(loaded, said)

    assert (found.certified, found.bad) == (True, 0)
    assert kept(loaded, said, found) == ["cheap"] * 100


def test_what_the_walk_counts_is_what_the_gates_keep(cascade):
    """Confidences of 1,000 rows, all different, and right about as often as they say."""
    draw = np.random.default_rng(5)
    confidences = draw.permutation(steps(1000)).tolist()
    small = [
        says(label(place) if draw.random() < each else wrong(place), each)
        for place, each in enumerate(confidences)
    ]
    labels = [label(place) for place in range(1000)]
    loaded = cascade(stated("selective", 0.2))
    said = Sayings({"cheap": small}, labels=labels, tune=300)

    found = proven(loaded, said)

    answered = np.array(kept(loaded, said, found)) == "cheap"
    right = evidence(loaded, said).right("cheap")[300:]
    assert found.certified
    assert 0 < answered.mean() < 1
    assert (found.n, found.bad) == (answered.sum(), (answered & ~right).sum())
