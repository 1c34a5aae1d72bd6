"""What is asked of large models, with a clock that a test turns."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headgate.serving.demand import EXPIRE_S, WINDOW_S, Board, Demand, Meter, total


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def call(meter, seconds=None):
    with meter.call():
        pass
    if seconds is not None:
        meter.took(seconds)


def test_nothing_is_asked_at_first(clock):
    assert Meter(clock).demand() == Demand(per_s=0.0, seconds=None, under_way=0, most=0)


def test_calls_are_counted_over_the_time_since_they_began_to_come(clock):
    """20 calls in 5 seconds are 4 a second, although the window is longer."""
    meter = Meter(clock)
    for _ in range(20):
        call(meter, 0.5)
        clock.now += 0.25

    assert meter.demand().per_s == pytest.approx(4.0)
    assert meter.demand().seconds == pytest.approx(0.5)


def test_a_burst_is_spread_over_three_seconds(clock):
    meter = Meter(clock)
    for _ in range(6):
        call(meter)

    assert meter.demand().per_s == pytest.approx(2.0)


def test_calls_of_long_ago_do_not_count_but_their_seconds_are_remembered(clock):
    meter = Meter(clock)
    call(meter, 2.0)
    clock.now += WINDOW_S + 1

    assert meter.demand() == Demand(per_s=0.0, seconds=2.0, under_way=0, most=0)


def test_a_pause_starts_the_count_anew(clock):
    meter = Meter(clock)
    call(meter)
    clock.now += 100
    for _ in range(8):
        call(meter)
        clock.now += 0.5

    assert meter.demand().per_s == pytest.approx(2.0)


def test_the_most_calls_at_once_are_remembered_for_a_while(clock):
    meter = Meter(clock)
    with meter.call(), meter.call():
        with meter.call():
            assert meter.demand().under_way == 3
        demand = meter.demand()
        assert (demand.under_way, demand.most) == (2, 3)
    clock.now += WINDOW_S + 1

    assert meter.demand().most == 0


def test_a_call_that_fails_is_not_under_way_any_more(clock):
    meter = Meter(clock)
    with pytest.raises(ValueError, match="gone"), meter.call():
        raise ValueError("gone")

    assert (meter.demand().under_way, meter.demand().seconds) == (0, None)


def test_a_call_that_is_under_way_for_long_still_is(clock):
    meter = Meter(clock)
    with meter.call():
        clock.now += 60
        demand = meter.demand()

    assert (demand.per_s, demand.under_way, demand.most) == (0.0, 1, 1)


def test_gateways_add_up_and_the_busier_one_says_more_of_the_seconds(clock):
    """(3 * 1 s + 1 * 5 s) / 4 = 2 s."""
    board = Board(clock)
    board.report("a", {"k": Demand(per_s=3.0, seconds=1.0, under_way=2, most=4)})
    board.report("b", {"k": Demand(per_s=1.0, seconds=5.0, under_way=1, most=1)})

    assert board.read() == {"k": Demand(per_s=4.0, seconds=2.0, under_way=3, most=5)}


def test_a_later_report_replaces_the_earlier_one(clock):
    board = Board(clock)
    board.report("a", {"k": Demand(3.0, 1.0, 2, 4), "old": Demand(1.0, None, 1, 1)})
    board.report("a", {"k": Demand(0.0, 1.0, 0, 0)})

    assert board.read() == {"k": Demand(0.0, 1.0, 0, 0)}


def test_what_a_gateway_asked_that_died_is_forgotten(clock):
    board = Board(clock)
    board.report("dead", {"k": Demand(9.0, 1.0, 9, 9)})
    clock.now += EXPIRE_S - 1
    board.report("alive", {"k": Demand(1.0, 2.0, 0, 1)})
    clock.now += 2

    assert board.read() == {"k": Demand(1.0, 2.0, 0, 1)}
    clock.now += EXPIRE_S
    assert board.read() == {}


def test_idle_gateways_that_know_the_seconds_agree_on_the_mean():
    idle = [Demand(0.0, 1.0, 0, 0), Demand(0.0, 3.0, 0, 0), Demand(0.0, None, 0, 0)]

    assert total(idle) == Demand(0.0, 2.0, 0, 0)


demands = st.builds(
    Demand,
    per_s=st.floats(0, 1e3),
    seconds=st.none() | st.floats(0, 600),
    under_way=st.integers(0, 100),
    most=st.integers(0, 100),
)


@given(st.lists(demands, min_size=1, max_size=5))
@example([Demand(per_s=5e-324, seconds=1.5, under_way=0, most=0)])
def test_mean_seconds_are_between_the_shortest_and_the_longest(each):
    known = [one.seconds for one in each if one.seconds is not None]

    mean = total(each).seconds

    assert (mean is None) == (not known)
    if known:
        assert min(known) - 1e-6 <= mean <= max(known) + 1e-6
