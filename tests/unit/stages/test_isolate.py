import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.errors import InputError, StageError, UnavailableError
from headgate.stages.isolate import run_isolated


class Halver:
    """Halves even numbers, fails on a batch with an odd one, and counts its runs."""

    def __init__(self):
        self.runs = []

    async def __call__(self, items):
        self.runs.append(list(items))
        for item in items:
            if item % 2:
                raise ValueError(f"{item} is odd")
        return [item // 2 for item in items]


async def isolated(run, items):
    return await run_isolated("stage 'halve'", run, items)


async def test_a_batch_without_a_failure_is_run_once():
    model = Halver()

    assert await isolated(model, [2, 4, 6]) == [1, 2, 3]
    assert model.runs == [[2, 4, 6]]


async def test_an_empty_batch_is_not_run():
    model = Halver()

    assert await isolated(model, []) == []
    assert model.runs == []


@pytest.mark.parametrize("place", [0, 31, 63])
async def test_one_bad_item_of_64_fails_alone(place):
    """Thirteen runs find it: the whole, then both halves of six shrinking parts."""
    model = Halver()
    items = [2] * 64
    items[place] = 3

    values = await isolated(model, items)

    assert isinstance(values.pop(place), StageError)
    assert values == [1] * 63
    assert len(model.runs) == 13


async def test_when_all_items_are_bad_each_has_its_own_error():
    values = await isolated(Halver(), [1, 3, 5])

    assert [type(value) for value in values] == [StageError] * 3
    assert len({id(value) for value in values}) == 3


async def test_the_error_names_stage_and_cause_and_never_the_item():
    (error,) = await isolated(Halver(), [12345])

    assert str(error) == (
        "stage 'halve': the model failed on this record (ValueError). "
        "The other records are answered; leave this one out or report it."
    )


async def test_an_error_that_is_not_the_items_doing_is_every_items_at_once():
    runs = []

    async def gone(items):
        runs.append(items)
        raise UnavailableError("replica", "it is gone", "Try again.")

    values = await isolated(gone, [2, 4, 6])

    assert [str(value) for value in values] == ["replica: it is gone. Try again."] * 3
    assert len(runs) == 1


@pytest.mark.parametrize("kind", [InputError, StageError])
async def test_an_error_about_one_record_is_not_its_neighbours(kind):
    """As when an index refuses the one vector of a batch that is not a number."""

    async def refuse(items):
        if 3 in items:
            raise kind("vectors[1]", "is not of length 1", "Normalise it.")
        return items

    values = await isolated(refuse, [2, 3, 4])

    assert isinstance(values.pop(1), StageError)
    assert values == [2, 4]


async def test_cancellation_is_passed_on():
    async def cancelled(items):
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await isolated(cancelled, [2, 4])


async def test_a_model_that_skips_an_item_fails_on_that_item_only():
    """Otherwise every later value would be its neighbour's."""

    async def skip_six(items):
        return [item for item in items if item != 6]

    values = await isolated(skip_six, [2, 4, 6, 8])

    assert isinstance(values.pop(2), StageError)
    assert values == [2, 4, 8]


@given(st.lists(st.integers(0, 99), max_size=40))
def test_order_and_length_are_kept_whatever_fails(items):
    values = asyncio.run(isolated(Halver(), items))

    shown = ["error" if isinstance(value, StageError) else value for value in values]
    assert shown == ["error" if item % 2 else item // 2 for item in items]
