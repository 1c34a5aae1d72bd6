"""The gate of news learns when not to ask: advice that guesses is not asked for."""

import asyncio
from functools import partial

import pytest

from fakes.guessing_adviser import make_guess
from fakes.sample_news import fit_news, sample_rows
from headgate.cascade.open import open_engine
from headgate.types import Deadline, Tier

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_the_gate_stays_with_the_student_where_the_large_model_guesses(tmp_path, embedded_int8):
    del embedded_int8
    loaded = fit_news(tmp_path, partial(make_guess, seed=1))

    async def answered():
        engine = open_engine(loaded, {})
        await engine.warm_up()
        return await engine.run([row.record for row in sample_rows("test")], Deadline.after(60))

    results = asyncio.run(answered())

    assert {each.tier for each in results} == {Tier.SMALL}
    assert sum(each.usage.calls for each in results) == 0
    assert not any(each.degraded for each in results)
