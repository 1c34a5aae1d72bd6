from concurrent.futures import ThreadPoolExecutor

import pytest

from headgate.lm.ledger import Account, Ledger, Price, usage_of
from headgate.lm.seam import RawAnswer
from headgate.types import Usage


def test_a_price_is_per_million_tokens():
    assert Price(2.0, 10.0).cost_usd(500_000, 100_000) == pytest.approx(2.0)


def test_usage_is_added_up_by_model_and_over_all():
    ledger = Ledger()
    ledger.add("a", Usage(calls=1, input_tokens=10, cost_usd=0.5))
    ledger.add("a", Usage(calls=1, output_tokens=3, estimated=True))
    ledger.add("b", Usage(calls=2))

    assert ledger.account("a").usage == Usage(2, 10, 3, 0.5, estimated=True)
    assert ledger.total() == Usage(4, 10, 3, 0.5, estimated=True)


def test_cache_hits_and_errors_are_counted():
    ledger = Ledger()
    ledger.add_cache_hit("a")
    ledger.add_error("a", "LARGE_MODEL_FAILED")
    ledger.add_error("a", "LARGE_MODEL_FAILED")

    assert ledger.account("a") == Account(cache_hits=1, errors={"LARGE_MODEL_FAILED": 2})


def test_a_model_nobody_used_has_an_empty_account():
    assert Ledger().account("a") == Account()


def test_threads_do_not_lose_bookings():
    ledger = Ledger()

    with ThreadPoolExecutor(8) as pool:
        for _ in range(2_000):
            pool.submit(ledger.add, "a", Usage(calls=1))

    assert ledger.total().calls == 2_000


def test_counted_tokens_are_priced_as_counted(ask):
    usage = usage_of(RawAnswer("text", 1_000, 100), ask(), Price(1.0, 2.0))

    assert usage == Usage(0, 1_000, 100, pytest.approx(0.0012), estimated=False)


def test_missing_counts_are_a_quarter_of_the_characters_rounded_up(ask):
    usage = usage_of(RawAnswer("12345", input_tokens=7), ask(), Price())

    assert usage == Usage(0, 7, 2, 0.0, estimated=True)


def test_an_uncounted_prompt_is_estimated_with_all_its_rules(ask):
    short = usage_of(RawAnswer("x"), ask("a" * 100), Price())
    longer = usage_of(RawAnswer("x"), ask("a" * 500), Price())

    assert longer.input_tokens - short.input_tokens == 100
