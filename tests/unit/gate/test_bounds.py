import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, multinomial

from headgate.gate.bounds import (
    NUISANCE_SHARE,
    binomial_p_value,
    check_share,
    labels_needed,
    most_bad_allowed,
    net_gap_p_value,
    risk_interval,
    risk_upper_bound,
)

shares = st.floats(0.005, 0.6)
few_rows = st.integers(0, 60)

CANNOT = -1


@pytest.mark.parametrize(
    ("epsilon", "most"),
    [
        pytest.param(0.01, [CANNOT, CANNOT, 0, 1, 4, 12, 38, 83], id="1-percent"),
        pytest.param(0.02, [CANNOT, 0, 1, 4, 12, 29, 83, 176], id="2-percent"),
        pytest.param(0.05, [1, 4, 8, 16, 38, 83, 224, 463], id="5-percent"),
        pytest.param(0.10, [4, 12, 21, 38, 84, 177, 464, 950], id="10-percent"),
    ],
)
def test_so_many_of_the_labels_may_be_bad(epsilon, most):
    rows = [100, 200, 300, 500, 1000, 2000, 5000, 10_000]

    assert [most_bad_allowed(n, epsilon, 0.05) for n in rows] == most


@pytest.mark.parametrize(
    ("epsilon", "rows", "at_one_percent"),
    [
        pytest.param(0.001, [2995, 4742, 6294, 10_511, 16_959, 29_058], 4603, id="1-per-mille"),
        pytest.param(0.01, [299, 473, 628, 1049, 1693, 2902], 459, id="1-percent"),
        pytest.param(0.02, [149, 236, 313, 523, 845, 1449], 228, id="2-percent"),
        pytest.param(0.05, [59, 93, 124, 208, 336, 577], 90, id="5-percent"),
        pytest.param(0.10, [29, 46, 61, 103, 167, 286], 44, id="10-percent"),
    ],
)
def test_so_many_labels_are_needed(epsilon, rows, at_one_percent):
    assert [labels_needed(epsilon, 0.05, bad) for bad in (0, 1, 2, 5, 10, 20)] == rows
    assert labels_needed(epsilon, 0.01) == at_one_percent


@pytest.mark.parametrize(
    ("epsilon", "rows"),
    [
        pytest.param(0.01, (773, 1941, 8753), id="1-percent"),
        pytest.param(0.02, (386, 969, 4318), id="2-percent"),
        pytest.param(0.05, (153, 361, 1679), id="5-percent"),
    ],
)
def test_so_many_labels_certify_in_four_of_five_draws(epsilon, rows):
    """When the true risk is a quarter, a half and three quarters of epsilon; one row less fails."""
    for n, share in zip(rows, (0.25, 0.5, 0.75), strict=True):
        power = [
            binom.cdf(most_bad_allowed(size, epsilon, 0.05), size, share * epsilon)
            for size in (n, n - 1)
        ]

        assert power[0] >= 0.8 > power[1]


def test_a_p_value_is_the_chance_of_so_few_bad_ones():
    """Of two throws of a coin none is heads in 1/4 of all cases, at most one in 3/4."""
    assert binomial_p_value([0, 1, 2], 2, 0.5) == pytest.approx([0.25, 0.75, 1.0])


def test_no_labels_prove_nothing():
    assert binomial_p_value(0, 0, 0.5) == 1.0
    assert risk_upper_bound(0, 0, 0.05) == 1.0
    assert risk_interval(0, 0) == (0.0, 1.0)
    assert most_bad_allowed(0, 0.5, 0.05) == CANNOT
    assert net_gap_p_value(0, 0, 0, 0.5, 0.05) == 1.0


def test_without_a_bad_label_the_bound_is_where_so_much_luck_is_too_rare():
    """A risk above 1 - 0.05^(1/29) = 0.0981 shows no bad label in 29 in under 5 % of all draws."""
    assert risk_upper_bound(0, 29, 0.05) == pytest.approx(1 - 0.05 ** (1 / 29))
    assert risk_upper_bound(0, 29, 0.05) < 0.1 < risk_upper_bound(0, 28, 0.05)


def test_an_interval_leaves_half_of_the_doubt_on_either_side():
    """One of two: 1 - (1 - p)^2 = 1/4 at the lower end, 1 - p^2 = 1/4 at the upper one."""
    end = math.sqrt(0.75)

    assert risk_interval(1, 2, 0.5) == pytest.approx((1 - end, end))


def test_an_interval_reaches_the_end_that_nothing_contradicts():
    """None of two: (1 - p)^2 = 1/4 at the upper end; two of two are its mirror image."""
    assert risk_interval(0, 2, 0.5) == pytest.approx((0.0, 0.5))
    assert risk_interval(2, 2, 0.5) == pytest.approx((0.5, 1.0))


@given(st.integers(1, 300), st.data(), shares)
def test_the_upper_bound_is_the_risk_whose_p_value_is_delta(n, data, delta):
    bad = data.draw(st.integers(0, n - 1))

    assert binomial_p_value(bad, n, risk_upper_bound(bad, n, delta)) == pytest.approx(delta)


@given(st.integers(0, 300), shares, shares)
def test_so_many_bad_labels_still_certify_and_one_more_does_not(n, epsilon, delta):
    most = most_bad_allowed(n, epsilon, delta)

    assert most < n or n == 0
    assert most == CANNOT or binomial_p_value(most, n, epsilon) <= delta
    assert binomial_p_value(most + 1, n, epsilon) > delta


@given(st.integers(0, 20), shares, shares)
def test_the_labels_needed_suffice_and_one_less_does_not(bad, epsilon, delta):
    rows = labels_needed(epsilon, delta, bad)

    assert most_bad_allowed(rows, epsilon, delta) >= bad
    assert most_bad_allowed(rows - 1, epsilon, delta) < bad


@given(st.integers(0, 300), shares, shares, shares)
def test_a_larger_epsilon_or_delta_never_allows_fewer_bad_labels(n, first, second, delta):
    low, high = sorted((first, second))

    assert most_bad_allowed(n, low, delta) <= most_bad_allowed(n, high, delta)
    assert most_bad_allowed(n, delta, low) <= most_bad_allowed(n, delta, high)


@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, 1.5, math.nan, math.inf])
@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda share: check_share("epsilon", share), id="check"),
        pytest.param(lambda share: binomial_p_value(0, 9, share), id="p-value"),
        pytest.param(lambda share: risk_upper_bound(0, 9, share), id="upper-bound"),
        pytest.param(lambda share: risk_interval(0, 9, share), id="interval"),
        pytest.param(lambda share: most_bad_allowed(9, share, 0.05), id="most-bad-epsilon"),
        pytest.param(lambda share: most_bad_allowed(9, 0.05, share), id="most-bad-delta"),
        pytest.param(lambda share: labels_needed(share, 0.05), id="labels-epsilon"),
        pytest.param(lambda share: labels_needed(0.05, share), id="labels-delta"),
        pytest.param(lambda share: net_gap_p_value(0, 9, 0, share, 0.05), id="net-gap-epsilon"),
    ],
)
def test_a_share_that_is_none_is_refused(ask, value):
    with pytest.raises(ValueError, match="must be between 0 and 1"):
        ask(value)


def test_better_answers_prove_that_there_is_no_gap():
    """Five of five differ for the better: 0.4^5 when three in five would have to be worse."""
    spent = NUISANCE_SHARE * 0.1

    assert net_gap_p_value(0, 0, 5, 0.2, 0.1) == pytest.approx(0.4**5 + spent)


def test_tiers_that_hardly_differ_cannot_have_a_gap():
    """1 - 0.0025^(1/300) = 0.0198: so often they differ at most, and a gap of 0.02 needs more."""
    assert net_gap_p_value(0, 300, 0, 0.02, 0.05) == NUISANCE_SHARE * 0.05
    assert net_gap_p_value(0, 295, 0, 0.02, 0.05) > 0.05


def test_answers_that_are_all_worse_prove_nothing():
    assert net_gap_p_value(5, 0, 0, 0.2, 0.1) == 1.0


@pytest.mark.parametrize(
    ("n", "epsilon", "delta"), [(8, 0.5, 0.2), (30, 0.2, 0.1), (40, 0.1, 0.25), (40, 0.3, 0.05)]
)
def test_a_true_gap_of_epsilon_is_denied_with_a_chance_of_at_most_delta(n, epsilon, delta):
    """Every outcome of n rows, at any share of rows that differ."""
    pairs = [(worse, better) for worse in range(n + 1) for better in range(n + 1 - worse)]
    counts = [(worse, n - worse - better, better) for worse, better in pairs]
    denied = [net_gap_p_value(*each, epsilon, delta) <= delta for each in counts]
    chances = [
        multinomial.pmf(counts, n, [(q + gap) / 2, 1 - q, (q - gap) / 2])[denied].sum()
        for gap in (epsilon, epsilon + 0.05)
        for q in np.linspace(gap, 1, 41)
    ]

    assert 0 < max(chances) <= delta


@settings(deadline=None)
@given(few_rows, few_rows, few_rows, shares, shares)
def test_a_larger_gap_is_denied_the_sooner(worse, same, better, first, second):
    low, high = sorted((first, second))

    assert net_gap_p_value(worse, same, better, high, 0.05) <= net_gap_p_value(
        worse, same, better, low, 0.05
    )


@settings(deadline=None)
@given(few_rows, few_rows, few_rows, shares)
def test_a_worse_answer_more_never_helps(worse, same, better, epsilon):
    """In the place of a better one, or of one that is no different."""
    found = net_gap_p_value(worse + 1, same, better, epsilon, 0.05)

    assert net_gap_p_value(worse, same, better + 1, epsilon, 0.05) <= found + 1e-12
    assert net_gap_p_value(worse, same + 1, better, epsilon, 0.05) <= found + 1e-12
