import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.gate.batch import BatchCertificate, certify_batch, draw_sample, sample_size

SIX = np.arange(6, 0, -1.0)
"""Scores of six records, the surest first."""


def certify(scores, sample, bad, epsilon=0.17, delta=0.1):
    """Of six records two bad ones break 0.17: four labels miss both with chance 1/15.

    Of three bad ones four labels find at most one with chance 3/15, which is too often: no
    sampled bad record is allowed.
    """
    return certify_batch(
        np.array(scores, float),
        np.array(sample, np.int64),
        np.array(bad, bool),
        epsilon=epsilon,
        delta=delta,
    )


def places(mask):
    return np.flatnonzero(mask).tolist()


def test_the_walk_stops_before_the_first_sampled_bad_record_that_is_too_many():
    found = certify(SIX, [2, 3, 4, 5], [0, 1, 0, 0])

    assert places(found.keep) == [0, 1]
    assert (found.prefix, found.allowed, found.bad, found.labels) == (3, 0, 0, 4)
    assert found.certified


def test_as_many_sampled_bad_records_as_are_allowed_are_passed():
    """At delta 0.25 one is: 3/15 of all samples find at most one of three."""
    found = certify(SIX, [0, 2, 3, 5], [1, 0, 0, 1], delta=0.25)

    assert places(found.keep) == [1, 4]
    assert (found.prefix, found.allowed, found.bad) == (5, 1, 1)


def test_without_a_sampled_bad_record_all_others_are_kept():
    found = certify(SIX, [5, 3, 2, 0], [0, 0, 0, 0])

    assert places(found.keep) == [1, 4]
    assert found.prefix == 6


def test_records_too_few_to_break_the_promise_pass_by_themselves():
    """One bad record of six is within 0.17, and only one that is not sampled is kept."""
    found = certify(SIX, [0, 2, 3, 5], [1, 0, 0, 0])

    assert places(found.keep) == [1]
    assert (found.prefix, found.bad) == (4, 1)


def test_a_sample_too_small_to_certify_keeps_only_what_passes_by_itself():
    found = certify(SIX, [5], [0])

    assert places(found.keep) == [0]
    assert (found.allowed, found.certified) == (-1, False)


def test_no_labels_keep_only_what_passes_by_itself():
    assert places(certify(SIX, [], []).keep) == [0]
    assert places(certify(SIX, [], [], epsilon=0.1).keep) == []


def test_records_that_are_all_labelled_keep_no_answer():
    """They carry the reference's."""
    found = certify(SIX, range(6), [0] * 6)

    assert (places(found.keep), found.prefix) == ([], 6)


def test_a_record_without_a_score_is_never_kept():
    found = certify([np.nan, 5, 4, 3, 2, np.nan], [1, 2, 3, 5], [0] * 4)

    assert places(found.keep) == [4]
    assert places(certify([np.nan] * 6, [1, 2, 3, 5], [0] * 4).keep) == []


def test_how_equal_scores_are_sorted_makes_no_systematic_difference():
    """200 of 2,000 equal scores are bad: first or last in the batch, as many are kept."""
    bad = np.zeros(2_000, bool)
    bad[:200] = True
    sample = np.arange(0, 2_000, 4)
    kept = [
        certify_batch(np.ones(2_000), sample, rows[sample], epsilon=0.2, delta=0.05).keep.sum()
        for rows in (bad, bad[::-1])
    ]

    assert min(kept) == max(kept) == 1_500


def test_an_empty_batch_keeps_nothing():
    found = certify([], [], [])

    assert (found.keep.shape, found.prefix, found.certified) == ((0,), 0, False)


def test_an_epsilon_so_near_one_that_all_may_be_bad_keeps_all_others():
    found = certify(SIX, [0], [1], epsilon=1 - 1e-12)

    assert places(found.keep) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("sample", "bad"),
    [
        pytest.param([0, 1], [0], id="one-label-short"),
        pytest.param([1, 1], [0, 0], id="place-repeated"),
        pytest.param([6], [0], id="place-beyond-the-end"),
        pytest.param([-1], [0], id="place-before-the-start"),
    ],
)
def test_a_sample_that_is_none_of_the_batch_is_refused(sample, bad):
    with pytest.raises(ValueError, match="sampled"):
        certify(SIX, sample, bad)


@pytest.mark.parametrize("value", [0.0, 1.0, math.nan])
@pytest.mark.parametrize("name", ["epsilon", "delta"])
def test_a_target_that_is_no_share_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        certify(SIX, [0], [0], **{name: value})
    with pytest.raises(ValueError, match=name):
        sample_size(100, **{"epsilon": 0.1, "delta": 0.05, name: value})


@pytest.mark.parametrize(
    ("items", "epsilon", "size"),
    [
        pytest.param(0, 0.05, 0, id="empty"),
        pytest.param(100, 0.05, 100, id="fewer-than-the-least"),
        pytest.param(1000, 0.05, 150, id="the-least"),
        pytest.param(3000, 0.05, 450, id="three-in-twenty"),
        pytest.param(10_000, 0.05, 600, id="what-epsilon-needs"),
        pytest.param(10_000, 0.15, 200, id="less-for-a-larger-one"),
        pytest.param(10_000, 0.02, 800, id="the-most"),
        pytest.param(10_000, 0.001, 2995, id="what-certifies-anything"),
    ],
)
def test_a_tenth_is_labelled_within_limits(items, epsilon, size):
    assert sample_size(items, epsilon, 0.05) == size


def test_every_sample_is_drawn_alike():
    """Each of the ten pairs of five places in about a tenth of 2,000 draws."""
    rng = np.random.default_rng(7)
    drawn = [tuple(draw_sample(5, 2, rng).tolist()) for _ in range(2000)]

    counts = [drawn.count(pair) for pair in itertools.combinations(range(5), 2)]

    assert sum(counts) == 2000
    assert all(abs(count - 200) < 5 * math.sqrt(180) for count in counts)


def test_no_more_than_there_are_can_be_drawn():
    with pytest.raises(ValueError, match="larger sample"):
        draw_sample(3, 4, np.random.default_rng(7))


def kept_and_bad(bad, sample, epsilon, delta):
    found = certify_batch(
        -np.arange(len(bad), dtype=float), sample, bad[sample], epsilon=epsilon, delta=delta
    )
    return int((found.keep & bad).sum())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("items", "labels", "epsilon", "delta", "worst"),
    [
        # Two bad records at the top, and no label on them: 1 / C(6, 2).
        pytest.param(6, 4, 0.17, 0.1, 1 / 15, id="six-allow-none"),
        # Three bad ones, and one label on them: 3 * 1 / C(6, 4).
        pytest.param(6, 4, 0.17, 0.25, 3 / 15, id="six-allow-one"),
        # One bad record breaks the promise: three of seven places are not labelled.
        pytest.param(7, 4, 0.1, 0.45, 3 / 7, id="seven-allow-none"),
        # Nothing can be certified at 0.1, and nothing is ever broken.
        pytest.param(7, 3, 0.2, 0.1, 0.0, id="seven-refuse"),
        # Two of eight break it. Of four bad ones six labels find two at most in C(4, 2) / C(8, 6).
        pytest.param(8, 6, 0.2, 0.3, 6 / 28, id="eight-allow-two"),
    ],
)
def test_over_all_samples_the_promise_breaks_with_a_chance_of_at_most_delta(
    items, labels, epsilon, delta, worst
):
    """For every pattern of bad records; the worst one is as bad as the walk allows, no worse."""
    samples = [np.array(each) for each in itertools.combinations(range(items), labels)]
    shares = [
        np.mean(
            [
                kept_and_bad(np.array(bad), each, epsilon, delta) > epsilon * items
                for each in samples
            ]
        )
        for bad in itertools.product([False, True], repeat=items)
    ]

    assert max(shares) == pytest.approx(worst)
    assert max(shares) <= delta


@st.composite
def batches(draw):
    """Scores that all differ, a sample, and its labels."""
    items = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    sample = draw_sample(items, draw(st.integers(0, items)), rng)
    return rng.permutation(items).astype(float), sample, rng.uniform(size=len(sample)) < 0.1


shares = st.floats(0.02, 0.6)


@settings(deadline=None)
@given(batches(), shares, shares)
def test_what_is_kept_is_a_prefix_without_the_sample(batch, epsilon, delta):
    scores, sample, bad = batch
    found = certify(scores, sample, bad, epsilon, delta)

    surest = np.argsort(-scores)[: found.prefix]
    assert set(places(found.keep)) == set(surest.tolist()) - set(sample.tolist())
    assert found.bad == int(bad[np.isin(sample, surest)].sum())
    assert found.bad <= max(found.allowed, 0) or found.keep.sum() <= epsilon * len(scores) + 1e-9
    assert found.allowed >= 0 or found.keep.sum() <= epsilon * len(scores) + 1e-9


@settings(deadline=None, max_examples=50)
@given(batches(), shares, shares, shares)
def test_a_larger_epsilon_or_delta_never_keeps_less(batch, first, second, fixed):
    low, high = sorted((first, second))

    assert not (certify(*batch, low, fixed).keep & ~certify(*batch, high, fixed).keep).any()
    assert not (certify(*batch, fixed, low).keep & ~certify(*batch, fixed, high).keep).any()


@settings(deadline=None, max_examples=50)
@given(batches(), shares, shares, st.randoms())
def test_the_order_of_records_and_labels_makes_no_difference(batch, epsilon, delta, random):
    scores, sample, bad = batch
    order = np.array(random.sample(range(len(scores)), len(scores)))
    labels = np.array(random.sample(range(len(sample)), len(sample)), np.int64)
    moved = np.argsort(order)[sample]

    found = certify(scores, sample, bad, epsilon, delta)
    shuffled = certify(scores[order], moved[labels], bad[labels], epsilon, delta)

    assert shuffled == BatchCertificate(
        shuffled.keep, found.prefix, found.allowed, found.bad, found.labels
    )
    assert (shuffled.keep == found.keep[order]).all()


def stream(rng, items):
    """Scores uniform on [0, 1]; bad where the small model alone is wrong."""
    scores = rng.uniform(size=items)
    wrong = rng.uniform(size=items) > 0.55 + 0.44 * scores
    return scores, wrong & (rng.uniform(size=items) < 0.92)


def empirical_keep(scores, sample, bad, epsilon):
    """Keep the longest prefix in which the sample shows few enough bad records."""
    order = np.argsort(-scores)
    found = np.zeros(len(scores))
    found[sample] = bad
    within = np.flatnonzero(np.cumsum(found[order]) <= epsilon * len(sample))
    keep = np.zeros(len(scores), bool)
    keep[order[: within[-1] + 1]] = True
    keep[sample] = False
    return keep


@pytest.mark.slow
@pytest.mark.parametrize(
    ("items", "labels", "epsilon", "least"),
    [(1000, 150, 0.05, 0.26), (1000, 150, 0.10, 0.45), (10_000, 600, 0.05, 0.37)],
)
def test_the_promise_breaks_in_at_most_one_batch_in_twenty(items, labels, epsilon, least):
    """While the prefix that looks good on the same sample breaks it in far more of them."""
    rng, trials, delta = np.random.default_rng(7), 400, 0.05
    kept, broken, empirical = [], [], []
    for _ in range(trials):
        scores, bad = stream(rng, items)
        sample = draw_sample(items, labels, rng)
        found = certify_batch(scores, sample, bad[sample], epsilon=epsilon, delta=delta)
        kept.append(found.keep.mean())
        broken.append((found.keep & bad).sum() > epsilon * items)
        other = empirical_keep(scores, sample, bad[sample], epsilon)
        empirical.append((other & bad).sum() > epsilon * items)
    limit = delta + 3 * math.sqrt(delta * (1 - delta) / trials)

    assert np.mean(broken) <= limit < 0.2
    assert np.mean(empirical) > 0.2
    assert np.mean(kept) > least
