import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.gate.buckets import (
    STEP,
    Account,
    Allowance,
    Bucket,
    Callers,
    PricedBucket,
    RequestCount,
    Unit,
    open_buckets,
)

NEVER_NEGATIVE = [
    pytest.param(math.nan, id="nan"),
    pytest.param(math.inf, id="infinite"),
    pytest.param(-0.5, id="negative"),
]
AMOUNTS = st.floats(0, 10)
MONEY = {Unit.USD: Allowance(0.25, 4)}
SHARE_AND_MONEY = {Unit.CALLS: Allowance(0.5, 2), **MONEY}
ROUNDING = 1e-9


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.s = 0.0

    def __call__(self):
        return self.s


@pytest.fixture
def clock():
    return Clock()


def test_a_bucket_starts_full(clock):
    assert Bucket(1, 3, now_s=clock).level == 3


def test_an_amount_is_taken_whole_or_not_at_all(clock):
    bucket = Bucket(1, 3, now_s=clock)

    assert bucket.take(2)
    assert not bucket.take(2)
    assert bucket.level == 1


def test_the_last_of_it_can_be_taken(clock):
    bucket = Bucket(0, 3, now_s=clock)

    assert bucket.take(3)
    assert bucket.take(0)
    assert not bucket.take(0.001)


def test_a_bucket_refills_steadily_up_to_its_capacity(clock):
    bucket = Bucket(0.5, 3, now_s=clock)
    bucket.take(3)

    clock.s = 4
    assert (bucket.level, bucket.full) == (2, False)
    clock.s = 7
    assert (bucket.level, bucket.full) == (3, True)


def test_a_clock_that_goes_back_earns_nothing_until_it_is_where_it_was(clock):
    bucket = Bucket(0.5, 3, now_s=clock)
    clock.s = 100
    bucket.take(3)

    for clock.s in (-3600, 50, 100):
        assert bucket.level == 0
    clock.s = 102
    assert bucket.level == 1


def test_what_no_longer_fits_is_lost(clock):
    bucket = Bucket(1, 3, now_s=clock)
    bucket.take(2)

    clock.s = 1
    bucket.give_back(2)

    assert bucket.level == 3


def test_a_share_is_earned_by_requests():
    """At a share of a quarter, four requests earn a call."""
    requests = RequestCount()
    bucket = Bucket(0.25, 1, now_s=requests)
    bucket.take(1)

    requests.seen += 3
    assert not bucket.take(1)
    requests.seen += 1
    assert bucket.take(1)


@pytest.mark.parametrize("amount", NEVER_NEGATIVE)
@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda amount: Bucket(amount, 1), id="rate"),
        pytest.param(lambda amount: Bucket(1, amount), id="capacity"),
        pytest.param(lambda amount: Bucket(1, 1).take(amount), id="take"),
        pytest.param(lambda amount: Bucket(1, 1).holds(amount), id="holds"),
        pytest.param(lambda amount: Bucket(1, 1).give_back(amount), id="give-back"),
        pytest.param(lambda amount: PricedBucket(1, 1).see(amount), id="see"),
    ],
)
def test_an_amount_that_is_none_is_refused(use, amount):
    with pytest.raises(ValueError, match="finite and not negative"):
        use(amount)


@given(
    rate_per_s=AMOUNTS,
    capacity=AMOUNTS,
    steps=st.lists(st.tuples(st.floats(-50, 50), AMOUNTS, st.floats(0, 1)), max_size=40),
)
def test_a_bucket_is_never_overdrawn_whatever_the_clock_does(rate_per_s, capacity, steps):
    """Each step moves the clock, takes an amount and gives some of it back."""
    clock = Clock()
    bucket = Bucket(rate_per_s, capacity, now_s=clock)
    spent = latest_s = 0.0

    for moved_s, amount, unused in steps:
        clock.s += moved_s
        latest_s = max(latest_s, clock.s)
        spent += amount if bucket.take(amount) else 0.0
        assert spent <= capacity + rate_per_s * latest_s + ROUNDING
        back = min(amount * unused, spent)
        bucket.give_back(back)
        spent -= back
        assert 0 <= bucket.level <= capacity


@given(share=st.floats(0, 1), arrivals=st.lists(st.integers(0, 5), max_size=60))
def test_calls_never_pass_their_share_of_the_requests_seen(share, arrivals):
    requests = RequestCount()
    bucket = Bucket(share, 2, now_s=requests)
    granted = 0

    for count in arrivals:
        requests.seen += count
        while bucket.take(1):
            granted += 1
        assert granted <= 2 + share * requests.seen + ROUNDING


def priced(clock, *, cost=1.0, rate_per_s=1.0, capacity=20.0):
    """A bucket that has seen one demand."""
    bucket = PricedBucket(rate_per_s, capacity, now_s=clock)
    bucket.see(cost)
    return bucket


def test_the_price_of_a_call_rises_a_step_with_each(clock):
    bucket = priced(clock)

    for _ in range(3):
        bucket.take(1)

    assert bucket.price == pytest.approx(0.15)
    assert bucket.worth(0.16, 1)
    assert not bucket.worth(0.14, 1)


def test_the_price_is_of_a_unit_so_a_dearer_call_must_be_worth_more(clock):
    """Three calls of 1 cent make 15 for a dollar: 15 % for 1 cent, 30 % for 2."""
    bucket = priced(clock, cost=0.01)

    for _ in range(3):
        bucket.take(0.01)

    assert bucket.price == pytest.approx(15)
    assert bucket.worth(0.31, 0.02)
    assert not bucket.worth(0.29, 0.02)


def test_what_is_earned_lowers_the_price_to_zero_and_no_further(clock):
    bucket = priced(clock, rate_per_s=0.5)
    for _ in range(3):
        bucket.take(1)

    clock.s = 2
    assert bucket.price == pytest.approx(0.1)
    clock.s = 1000
    assert bucket.price == 0
    bucket.take(1)
    assert bucket.price == pytest.approx(STEP)


def test_what_is_given_back_was_not_spent(clock):
    bucket = priced(clock)
    bucket.take(4)

    bucket.give_back(3)

    assert bucket.price == pytest.approx(STEP)


def test_a_refused_amount_leaves_the_price_alone(clock):
    bucket = priced(clock, capacity=2)

    assert not bucket.take(3)
    assert bucket.price == 0


def test_an_unmet_demand_raises_the_price(clock):
    bucket = priced(clock, capacity=2)
    bucket.take(2)

    bucket.miss(1)

    assert bucket.price == pytest.approx(0.15)


def test_a_surge_of_unmet_demands_is_forgotten_in_time(clock):
    """A million add 1 to the price of the empty bucket, gone when 2 + 20 calls are earned."""
    bucket = priced(clock, capacity=2)
    bucket.take(2)

    for _ in range(1_000):
        bucket.miss(1_000)

    assert bucket.price == pytest.approx(1.1)
    clock.s = 22
    assert bucket.price == pytest.approx(0)


def test_an_unmet_demand_never_lowers_the_price(clock):
    """A typical cost that falls lowers the ceiling: 2 + 20 calls of 1, then of 0.98."""
    bucket = priced(clock, capacity=2)
    bucket.take(2)
    bucket.miss(1_000)
    bucket.see(0.001)

    before = bucket.price
    bucket.miss(1)

    assert bucket.price == before


def test_the_typical_cost_follows_the_demands(clock):
    """From 1 a fiftieth of the way to 2: 1.02."""
    bucket = priced(clock)
    bucket.see(2)
    bucket.take(1)

    assert bucket.price == pytest.approx(STEP / 1.02**2)


def test_nothing_has_a_price_before_something_costs_something(clock):
    bucket = PricedBucket(1, 20, now_s=clock)
    bucket.see(0)

    assert bucket.price == 0
    assert bucket.worth(0, 5)


@given(
    exponent=st.integers(-12, 12),
    demands=st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 2)), max_size=60),
)
def test_decisions_do_not_depend_on_the_currency(exponent, demands):
    """Rates, capacities and costs times a power of two, which rounds nothing."""
    factor = 2.0**exponent

    def decide(factor):
        clock = Clock()
        bucket = PricedBucket(0.5 * factor, 10 * factor, now_s=clock)
        for value, cost in demands:
            clock.s += 0.5
            bucket.see(cost * factor)
            yield bucket.worth(value, cost * factor) and bucket.take(cost * factor)

    assert list(decide(factor)) == list(decide(1.0))


def test_shares_refill_by_requests_and_money_by_time(clock):
    requests = RequestCount()
    buckets = open_buckets(Bucket, SHARE_AND_MONEY, requests=requests, now_s=clock)
    for bucket in buckets.values():
        bucket.take(2)

    requests.seen, clock.s = 1, 4

    assert buckets[Unit.CALLS].level == 0.5
    assert buckets[Unit.USD].level == 3


def test_an_account_is_full_when_all_its_buckets_are(clock):
    account = Account(SHARE_AND_MONEY, now_s=clock)
    assert account.full

    account.buckets[Unit.CALLS].take(1)
    clock.s = 1_000

    assert not account.full


def spend(callers, caller, usd):
    return callers.account(caller).buckets[Unit.USD].take(usd)


def test_each_caller_has_an_account_of_its_own_also_the_one_without_a_name(clock):
    callers = Callers(MONEY, max_callers=3, now_s=clock)

    accounts = [callers.account(caller) for caller in ("", "ann", "bob", "", "ann", "bob")]

    assert len(set(accounts)) == 3
    assert accounts[:3] == accounts[3:]


def test_the_caller_unseen_for_longest_makes_room(clock):
    callers = Callers(MONEY, max_callers=2, now_s=clock)
    ann, bob = callers.account("ann"), callers.account("bob")
    callers.account("ann")

    callers.account("eve")

    assert callers.account("ann") is ann
    assert callers.account("bob") is not bob


def test_a_caller_that_spent_something_is_not_forgotten(clock):
    """It would be as good as new under the same name."""
    callers = Callers(MONEY, max_callers=1, now_s=clock)
    spend(callers, "ann", 4)

    shared = callers.account("bob")

    assert callers.account("eve") is shared
    assert not spend(callers, "ann", 1)
    clock.s = 16
    assert callers.account("bob") is not shared


def test_one_that_spent_does_not_keep_the_place_of_one_that_did_not(clock):
    callers = Callers(MONEY, max_callers=2, now_s=clock)
    spend(callers, "ann", 1)
    bob = callers.account("bob")

    eve = callers.account("eve")

    assert spend(callers, "ann", 3)
    assert callers.account("eve") is eve
    assert callers.account("bob") is not bob


def test_without_limits_no_caller_is_remembered(clock):
    callers = Callers({}, max_callers=2, now_s=clock)

    assert callers.account("ann") is callers.account("bob")


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 6), st.floats(0, 4), st.floats(0, 5)), min_size=1, max_size=60
    )
)
def test_changing_names_buys_no_more_than_there_are_accounts(steps):
    """Whoever comes and goes: three places, and the shared one, spend what four buckets may."""
    clock = Clock()
    callers = Callers(MONEY, max_callers=3, now_s=clock)
    spent = 0.0

    for name, amount, moved_s in steps:
        clock.s += moved_s
        spent += amount if spend(callers, str(name), amount) else 0.0
        assert spent <= 4 * (4 + 0.25 * clock.s) + ROUNDING
