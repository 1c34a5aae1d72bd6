"""Rates, shares and quantiles of what gateways tell, worked out by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.metrics_endpoint import told
from headgate.cli.scraping import Scrape, parse
from headgate.cli.traffic import GatewayView, TierView, Traffic, quantile, rates
from headgate.errors import UnavailableError

RECORDS = ("records_total", ())


def counter(at, value):
    return Scrape(at, {RECORDS: value})


def scrape(at, **told_then):
    return Scrape(at, parse(told(**told_then)))


def view(*looks, gateways=1, window_s=30.0):
    """Return what is known after looks, each of which is a scrape a gateway."""
    traffic = Traffic([f"g{number}" for number in range(gateways)], window_s=window_s)
    for each in looks:
        traffic.take(each)
    return traffic.view()


# Rates


def test_a_rate_is_what_a_counter_grew_a_second():
    assert rates([counter(100, 10), counter(110, 30)]) == {RECORDS: 2.0}


def test_a_counter_that_fell_started_anew_and_counts_from_zero():
    """30 to 40 are 10, then 5 since the restart: 15 in 10 seconds."""
    told_then = [counter(0, 30), counter(5, 40), counter(10, 5)]

    assert rates(told_then) == {RECORDS: 1.5}


def test_a_counter_that_was_not_there_before_counts_from_zero():
    assert rates([Scrape(0, {}), counter(2, 4)]) == {RECORDS: 2.0}


@pytest.mark.parametrize("looks", [[], [counter(0, 1)], [counter(3, 1), counter(3, 9)]])
def test_nothing_is_known_before_time_has_passed(looks):
    assert rates(looks) is None


def test_what_is_older_than_the_window_is_forgotten():
    """From second 10 to 40: 90 records in 30 s; the 1,000 before do not count."""
    counts = {0: 0, 10: 1000, 20: 1030, 30: 1060, 40: 1090}
    looks = [[scrape(at, small=count)] for at, count in counts.items()]

    (cascade,) = view(*looks).cascades

    assert cascade.records_per_s == pytest.approx(3.0)


# Quantiles

HUNDRED = [(0.1, 50), (0.5, 90), (1.0, 100), (math.inf, 100)]


@pytest.mark.parametrize(
    ("wanted", "buckets", "is_"),
    [
        pytest.param(0.95, HUNDRED, 0.75, id="half-way-into-a-bucket"),
        pytest.param(0.5, HUNDRED, 0.1, id="at-a-bound"),
        pytest.param(0.25, HUNDRED, 0.05, id="from-zero-in-the-first"),
        pytest.param(0.95, list(reversed(HUNDRED)), 0.75, id="in-any-order"),
        pytest.param(0.95, [(0.1, 10), (math.inf, 20)], 0.1, id="above-every-bound"),
        pytest.param(0.95, [(0.1, 0), (math.inf, 0)], None, id="no-values"),
        pytest.param(0.95, [], None, id="no-buckets"),
    ],
)
def test_quantiles_are_those_of_prometheus(wanted, buckets, is_):
    assert quantile(wanted, buckets) == (is_ if is_ is None else pytest.approx(is_))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.floats(0.01, 0.99))
def test_a_quantile_is_within_the_bounds_and_grows_with_what_is_wanted(counts, wanted):
    bounds = [*(2.0**place for place in range(len(counts) - 1)), math.inf]
    cumulated = [(bound, float(sum(counts[: n + 1]))) for n, bound in enumerate(bounds)]

    found = quantile(wanted, cumulated)

    if sum(counts) == 0:
        assert found is None
        return
    largest = bounds[-2] if len(bounds) > 1 else 0.0
    assert 0 <= found <= largest
    assert found <= quantile(0.99, cumulated)


# What is shown


def test_a_cascade_is_shown_by_what_happened_between_two_looks():
    """80 kept, 20 sent on, of which 5 came back degraded, in 10 s; 2 cents are 7.20 an hour."""
    before = scrape(0, small=1000, large=500, fast=1500)
    after = scrape(10, small=1080, large=515, degraded=5, fast=1590, usd=0.02)

    (cascade,) = view([before], [after]).cascades

    assert cascade.name == "logs"
    assert cascade.records_per_s == pytest.approx(10)
    assert cascade.degraded == pytest.approx(0.05)
    assert cascade.usd_per_hour == pytest.approx(7.2)
    assert cascade.tiers == (
        # 90 of 100 took at most 0.1 s; the 95th lies half-way to 0.5 s.
        TierView("triage", *map(pytest.approx, (8.5, 0.85, 0.2, 0.3))),
        TierView("decide", pytest.approx(1.5), pytest.approx(0.15), None, None),
    )


def test_after_one_look_what_does_not_need_two_is_shown():
    (cascade,) = view([scrape(0, small=5, audits=40, margin=0.5)]).cascades

    assert (cascade.state, cascade.margin) == ("certified", 0.5)
    assert (cascade.audits, cascade.disagreements) == (40, 4)
    assert (cascade.records_per_s, cascade.degraded, cascade.usd_per_hour) == (None, None, None)
    assert cascade.tiers[0] == TierView("triage", None, None, None, None)


def test_where_nothing_happened_shares_are_unknown_and_rates_are_zero():
    (cascade,) = view([scrape(0, small=7)], [scrape(5, small=7)]).cascades

    assert (cascade.records_per_s, cascade.degraded) == (0, None)
    assert cascade.tiers[0] == TierView("triage", 0, None, None, None)


def test_gateways_are_added_up_and_their_audits_counted_once():
    """One watcher audits for both; the worse of two certificates counts."""
    looks = [
        [scrape(0), scrape(1)],
        [
            scrape(10, small=100, audits=30, margin=0.9),
            scrape(11, small=50, audits=29, margin=0.2, state="void"),
        ],
    ]

    (cascade,) = view(*looks, gateways=2).cascades

    assert cascade.records_per_s == pytest.approx(15)
    assert (cascade.state, cascade.margin) == ("void", 0.2)
    assert (cascade.audits, cascade.disagreements) == (30, 3)


def test_cascades_of_several_gateways_are_shown_by_name():
    found = view([scrape(0, cascade="b"), scrape(0, cascade="a")], gateways=2)

    assert [cascade.name for cascade in found.cascades] == ["a", "b"]


def test_a_gateway_that_went_away_is_named_with_its_problem_and_its_rates_are_gone():
    gone = UnavailableError("g1", "no answer (ConnectionRefusedError)", "Start it.")
    looks = [
        [scrape(0), scrape(0)],
        [scrape(10, small=10), scrape(10, small=1000)],
        [scrape(20, small=20, in_flight=3), gone],
    ]

    found = view(*looks, gateways=2)

    assert found.gateways == (
        GatewayView("g0", "9.9", 3, 0.0),
        GatewayView("g1", problem="no answer (ConnectionRefusedError)"),
    )
    assert found.cascades[0].records_per_s == pytest.approx(1)


def test_a_gateway_that_comes_back_is_counted_from_then_on():
    gone = UnavailableError("g0", "no answer", "Start it.")
    looks = [[scrape(0, small=500)], [gone], [scrape(20, small=5)], [scrape(30, small=25)]]

    assert view(*looks[:3]).cascades[0].records_per_s is None
    assert view(*looks).cascades[0].records_per_s == pytest.approx(2)


def test_without_any_gateway_there_is_nothing_but_their_problems():
    found = view([UnavailableError("g0", "no answer", "Start it.")])

    assert found.cascades == ()
    assert found.gateways[0].problem == "no answer"
