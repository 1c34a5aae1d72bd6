import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.gate.monitor import RiskMonitor, ScoreMonitor

ALPHA = 1e-4
TILTS = (-1.9, -1.0, -0.5, 0.5, 1.0, 1.9)


def ones(count):
    return np.ones(count)


def stakes_of(epsilon):
    """Twelve, each the same multiple of the one before."""
    ratio = (0.95 / epsilon / 0.5) ** (1 / 11)
    return [0.5 * ratio**index for index in range(12)]


def test_an_error_raises_the_evidence_by_what_was_staked_on_it():
    """Stakes from 0.5 to 9.5 at epsilon 0.1; a loss of 1 is 0.9 above it."""
    monitor = RiskMonitor(0.1, ALPHA)

    monitor.update(ones(1), ones(1))

    expected = ALPHA * sum(1 + 0.9 * stake for stake in stakes_of(0.1)) / 12
    assert monitor.evidence == pytest.approx(expected)


def test_a_harmless_audit_costs_the_largest_stake_nearly_all_it_has():
    """1 - 9.5 * 0.1 is left of it, 1 - 0.5 * 0.1 of the smallest."""
    monitor = RiskMonitor(0.1, ALPHA)

    monitor.update(np.zeros(1), ones(1))

    levels = monitor.to_json()["levels"]
    assert (levels[0], levels[-1]) == pytest.approx((0.95, 0.05))


def test_a_small_weight_is_a_small_bet():
    """A tenth of the weight, a tenth of the stake."""
    monitor = RiskMonitor(0.1, ALPHA)

    monitor.update(ones(1), np.array([0.1]))

    expected = ALPHA * sum(1 + 0.09 * stake for stake in stakes_of(0.1)) / 12
    assert monitor.evidence == pytest.approx(expected)


def test_a_signed_loss_of_minus_one_leaves_every_stake_something():
    """0.95 / 1.1 of the distance 1.1 below epsilon 0.1 leaves 0.05."""
    monitor = RiskMonitor(0.1, ALPHA, signed=True)

    monitor.update(-ones(1), ones(1))

    assert min(monitor.to_json()["levels"]) == pytest.approx(0.05)


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0.01, 1)), max_size=30))
def test_every_moment_may_have_been_the_change(audits):
    """The evidence is the sum, over all beginnings, of what betting since then has made."""
    losses, weights = np.array(audits, dtype=float).reshape(-1, 2).T
    monitor = RiskMonitor(0.1, ALPHA)

    monitor.update(losses, weights)

    total = 0.0
    for stake in stakes_of(0.1):
        factors = 1 + stake * weights * (losses - 0.1)
        total += sum(np.prod(factors[start:]) for start in range(len(factors)))
    assert monitor.evidence == pytest.approx(ALPHA * total / 12)


def test_the_alarm_names_the_update_and_stays_raised():
    """Two errors in a row are enough at epsilon 0.02; a thousand good audits do not undo it."""
    monitor = RiskMonitor(0.02, 0.01)

    raised = [monitor.update(ones(1), ones(1)) for _ in range(3)]
    later = monitor.update(np.zeros(1000), ones(1000))

    assert raised == [False, True, True]
    assert (later, monitor.alarmed_at, monitor.updates) == (True, 2, 1003)
    assert monitor.evidence < 1


def test_an_alarm_that_has_to_persist_is_raised_later():
    at_once, persistent = RiskMonitor(0.02, 0.01), RiskMonitor(0.02, 0.01, persist=3)

    for monitor in (at_once, persistent):
        monitor.update(ones(5), ones(5))

    assert (at_once.alarmed_at, persistent.alarmed_at) == (2, 4)


def test_evidence_that_falls_below_the_level_begins_anew_to_persist():
    """At epsilon 0.5 a good audit takes most of what errors brought; one follows each alarm."""
    at_once, persistent = RiskMonitor(0.5, 0.05), RiskMonitor(0.5, 0.05, persist=3)
    beyond = 0

    for _ in range(100):
        loss = np.array([float(at_once.evidence < 1)])
        for monitor in (at_once, persistent):
            monitor.update(loss, ones(1))
        beyond += at_once.evidence >= 1

    assert beyond > 10
    assert at_once.alarmed_at is not None
    assert persistent.alarmed_at is None


def test_an_endless_alarm_stays_a_finite_number():
    monitor = RiskMonitor(0.02, ALPHA)

    monitor.update(ones(1000), ones(1000))

    assert math.isfinite(monitor.evidence)
    json.dumps(monitor.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("losses", "weights"),
    [
        pytest.param([float("nan")], [1.0], id="no-number"),
        pytest.param([1.5], [1.0], id="loss-above-1"),
        pytest.param([-1.0], [1.0], id="unannounced-gain"),
        pytest.param([1.0], [0.0], id="no-weight"),
        pytest.param([1.0], [1.5], id="weight-above-1"),
        pytest.param([1.0], [float("nan")], id="weight-no-number"),
        pytest.param([1.0, 0.0], [1.0], id="a-weight-missing"),
        pytest.param([[1.0]], [[1.0]], id="a-table"),
    ],
)
def test_audits_out_of_range_are_refused_and_nothing_is_taken(losses, weights):
    monitor = RiskMonitor(0.02, ALPHA)

    with pytest.raises(ValueError, match=r"losses|weight"):
        monitor.update(np.array(losses), np.array(weights))
    assert monitor.updates == 0


@pytest.mark.parametrize(
    ("epsilon", "alpha", "persist"),
    [
        (0.0, ALPHA, 1),
        (1.0, ALPHA, 1),
        (math.nan, ALPHA, 1),
        (0.02, 0.0, 1),
        (0.02, 1.0, 1),
        (0.02, math.nan, 1),
        (0.02, ALPHA, 0),
    ],
)
def test_settings_out_of_range_are_refused(epsilon, alpha, persist):
    with pytest.raises(ValueError, match=r"epsilon|alpha|persist"):
        RiskMonitor(epsilon, alpha, persist=persist)


def ranked_naively(reference, scores, draws):
    """The evidence by the definition, with all scores kept and compared one by one."""
    bag, levels = list(reference), [0.0] * 6
    for score, draw in zip(scores, draws, strict=True):
        less = sum(each < score for each in bag)
        equal = sum(each == score for each in bag)
        rank = (less + draw * (equal + 1)) / (len(bag) + 1)
        levels = [(m + 1) * (1 + t * (rank - 0.5)) for m, t in zip(levels, TILTS, strict=True)]
        bag.append(score)
    return ALPHA * sum(levels) / 6


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=40), st.lists(st.integers(0, 9), max_size=40)
)
def test_scores_are_ranked_among_all_before_them(reference, later):
    """All scores that come later are in the reference as well, so that no two share a gap."""
    reference = np.array(sorted({*reference, *later}) + reference, dtype=float)
    monitor = ScoreMonitor(reference, ALPHA, 7)

    monitor.update(np.array(later, dtype=float))

    draws = np.random.Generator(np.random.PCG64(7)).random(len(later))
    assert monitor.evidence == pytest.approx(ranked_naively(reference, later, draws))


def test_scores_between_the_same_two_reference_scores_count_as_equal():
    """0.3 and 0.2 lie in the gap from 0 to 1 and are told apart by the draw alone."""
    monitors = [ScoreMonitor(np.array([0.0, 1.0]), ALPHA, 7) for _ in range(2)]

    monitors[0].update(np.array([0.3, 0.2]))
    monitors[1].update(np.array([0.2, 0.3]))

    assert monitors[0].evidence == monitors[1].evidence


@pytest.mark.slow
@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda rng, count: rng.random(count), id="all-different"),
        pytest.param(lambda rng, count: np.floor(4 * rng.random(count)), id="four-values"),
        pytest.param(lambda rng, count: np.maximum(rng.random(count), 0.5), id="half-at-one-value"),
        pytest.param(lambda rng, count: np.zeros(count), id="all-equal"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 700])
def test_unchanged_scores_raise_the_mean_level_by_exactly_one_an_update(draw, size):
    """What makes the false alarm rate exact; 2,000 monitors, within four standard errors."""
    rng = np.random.default_rng(size)
    levels = []
    for seed in range(2000):
        monitor = ScoreMonitor(draw(rng, size), ALPHA, seed)
        monitor.update(draw(rng, 20))
        levels.append(monitor.evidence / ALPHA)

    error = np.std(levels) / math.sqrt(len(levels))
    assert abs(np.mean(levels) - 20) < 4 * error


@pytest.mark.slow
@pytest.mark.parametrize("risk", [0.05, 0.1])
def test_audits_within_epsilon_raise_the_mean_level_by_at_most_one_an_update(risk):
    """At exactly epsilon by one, below it by less; 2,000 monitors, within four standard errors."""
    rng = np.random.default_rng(5)
    levels = []
    for _ in range(2000):
        monitor = RiskMonitor(0.1, ALPHA)
        monitor.update((rng.random(20) < risk).astype(float), rng.uniform(0.1, 1, 20))
        levels.append(monitor.evidence / ALPHA)

    assert np.mean(levels) < 20 + 4 * np.std(levels) / math.sqrt(len(levels))


def test_reference_scores_that_are_all_equal_do_not_alarm_by_themselves():
    monitor = ScoreMonitor(np.full(1000, 0.5), ALPHA, 3)

    assert not monitor.update(np.full(2000, 0.5))
    assert monitor.update(np.full(50, 0.4))


@pytest.mark.parametrize("scores", [[float("nan")], [float("inf")], [[0.5]]], ids=str)
def test_scores_that_are_no_row_of_numbers_are_refused_and_nothing_is_taken(scores):
    monitor = ScoreMonitor(np.array([0.5]), ALPHA, 7)

    with pytest.raises(ValueError, match="scores"):
        monitor.update(np.array(scores))
    with pytest.raises(ValueError, match="scores"):
        ScoreMonitor(np.array(scores), ALPHA, 7)
    assert monitor.updates == 0


def test_no_reference_scores_are_refused():
    with pytest.raises(ValueError, match="reference"):
        ScoreMonitor(np.empty(0), ALPHA, 7)


def test_nothing_to_take_changes_nothing():
    risk, scores = RiskMonitor(0.02, ALPHA), ScoreMonitor(np.array([0.5]), ALPHA, 7)

    assert not risk.update(np.empty(0), np.empty(0))
    assert not scores.update(np.empty(0))
    assert (risk.evidence, scores.evidence) == (0, 0)


def some_scores(count):
    return np.random.default_rng(13).beta(5, 2, count)


@given(st.lists(st.integers(0, 400), max_size=5))
def test_it_does_not_matter_in_which_batches_updates_come(cuts):
    """To the last bit, for scores ranked in chunks as for audits."""
    scores, reference = some_scores(400), some_scores(700)
    whole, parts = (ScoreMonitor(reference, ALPHA, 7) for _ in range(2))

    whole.update(scores)
    for part in np.split(scores, sorted(cuts)):
        parts.update(part)

    assert parts.to_json() == whole.to_json()


@pytest.mark.parametrize("before", [0, 1, 200])
def test_a_saved_score_monitor_goes_on_to_the_last_bit(before):
    scores = some_scores(500)
    monitor = ScoreMonitor(some_scores(700) / 2, 0.01, 7, persist=2)
    monitor.update(scores[:before])

    again = ScoreMonitor.from_json(json.loads(json.dumps(monitor.to_json(), allow_nan=False)))
    for each in (monitor, again):
        each.update(scores[before:])

    assert again.to_json() == monitor.to_json()
    assert again.alarmed_at is not None


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("before", [0, 1, 200])
def test_a_saved_risk_monitor_goes_on_to_the_last_bit(before, signed):
    rng = np.random.default_rng(17)
    losses, weights = (rng.random(400) < 0.1).astype(float), rng.uniform(0.1, 1, 400)
    monitor = RiskMonitor(0.02, 0.01, signed=signed, persist=2)
    monitor.update(losses[:before], weights[:before])

    again = RiskMonitor.from_json(json.loads(json.dumps(monitor.to_json(), allow_nan=False)))
    for each in (monitor, again):
        each.update(losses[before:], weights[before:])

    assert again.to_json() == monitor.to_json()
    assert again.alarmed_at is not None


@pytest.mark.parametrize(
    "damage",
    [
        {"levels": [1.0]},
        {"levels": [math.nan] * 12},
        {"levels": [-1.0] * 12},
        {"levels": None},
        {"levels": "many"},
        {"updates": None},
        {"updates": -1},
        {"streak": -1},
        {"alarmed_at": "yesterday"},
        {"epsilon": 2.0},
        {"alpha": "small"},
    ],
    ids=str,
)
def test_a_damaged_risk_monitor_is_refused(damage):
    with pytest.raises(ValueError, match=r"."):
        RiskMonitor.from_json({**RiskMonitor(0.02, ALPHA).to_json(), **damage})


@pytest.mark.parametrize(
    "damage",
    [
        {"edges": []},
        {"edges": [0.5, 0.5]},
        {"edges": "few"},
        {"counts": [1]},
        {"counts": [0, -1, 0]},
        {"counts": [0, "one", 0]},
        {"seed": -1},
        {"seed": None},
        {"levels": [1.0]},
    ],
    ids=str,
)
def test_a_damaged_score_monitor_is_refused(damage):
    with pytest.raises(ValueError, match=r"."):
        ScoreMonitor.from_json({**ScoreMonitor(np.array([0.5]), ALPHA, 7).to_json(), **damage})


@pytest.mark.parametrize("monitor", [RiskMonitor, ScoreMonitor])
def test_a_state_with_nothing_in_it_is_refused(monitor):
    with pytest.raises(ValueError, match="not the state"):
        monitor.from_json({})


def risk_delay(seed, epsilon, after):
    """Audits until the alarm, after 3,000 at 0.6 epsilon."""
    rng = np.random.default_rng(seed)
    monitor = RiskMonitor(epsilon, ALPHA)
    for risk in (0.6 * epsilon, after):
        monitor.update((rng.random(3000) < risk).astype(float), ones(3000))
    return (monitor.alarmed_at or math.inf) - 3000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("epsilon", "after", "low", "high"),
    [
        pytest.param(0.02, 0.04, 400, 560, id="twice"),
        pytest.param(0.02, 0.06, 140, 210, id="three-times"),
        pytest.param(0.02, 0.10, 55, 90, id="five-times"),
        pytest.param(0.05, 0.10, 160, 260, id="twice-at-5-percent"),
        pytest.param(0.05, 0.20, 35, 60, id="four-times-at-5-percent"),
    ],
)
def test_a_higher_risk_is_found_within_the_audits_that_it_needs(epsilon, after, low, high):
    """Medians of 60 runs; several hundred runs give about 450, 170, 66, 217 and 45."""
    delays = [risk_delay(seed, epsilon, after) for seed in range(60)]

    assert low <= np.median([delay for delay in delays if delay > 0]) <= high


def score_delay(seed, share):
    """Requests until the alarm, when part of a uniform reference's traffic becomes beta(1, 2)."""
    rng = np.random.default_rng(seed)
    monitor = ScoreMonitor(rng.random(1000), ALPHA, seed)
    changed = rng.random(3000) < share
    monitor.update(np.where(changed, rng.beta(1, 2, 3000), rng.random(3000)))
    return monitor.alarmed_at or math.inf


@pytest.mark.slow
@pytest.mark.parametrize(
    ("share", "low", "high"),
    [pytest.param(1.0, 38, 60, id="all"), pytest.param(0.5, 110, 220, id="half")],
)
def test_lower_scores_are_found_within_the_requests_that_it_needs(share, low, high):
    """Medians of 60 runs; several hundred runs give 47 and 172."""
    assert low <= np.median([score_delay(seed, share) for seed in range(60)]) <= high


@pytest.mark.slow
def test_false_alarms_are_no_more_frequent_than_alpha():
    """200 runs of 3,000 requests; 60 alarms are what alpha allows, 83 three deviations more."""
    rng = np.random.default_rng(23)
    monitors = [ScoreMonitor(rng.random(500), ALPHA, seed) for seed in range(200)]

    assert sum(monitor.update(rng.random(3000)) for monitor in monitors) < 83
