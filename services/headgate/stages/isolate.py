"""Keeps a record that makes a model fail from taking its batch along.

items (n) -> run; on a failure run the halves -> value or error a item (n)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from headgate.errors import HeadgateError, InputError, StageError

Item = TypeVar("Item")
Value = TypeVar("Value")

_ABOUT_ONE_ITEM = (InputError, StageError)


async def run_isolated(
    place: str, run: Callable[[Sequence[Item]], Awaitable[Sequence[Value]]], items: Sequence[Item]
) -> list[Value | HeadgateError]:
    """Return each item's value, or the error that it alone is to blame for.

    A failed batch is cut in halves until the failing items are alone; a batch that comes back with
    a value missing has failed too. Errors that are not the items' doing, such as a replica that is
    gone, are every item's error at once.

    Args:
        place: Names the stage in errors.
        run: Returns one value an item, in order.
        items: A batch.
    """
    if not items:
        return []
    try:
        return _one_each(await run(items), len(items))
    except Exception as error:  # noqa: BLE001 - whatever a model raises must stay in its row
        if isinstance(error, HeadgateError) and not isinstance(error, _ABOUT_ONE_ITEM):
            return [error] * len(items)
        if len(items) == 1:
            return [error if isinstance(error, StageError) else blame(place, error)]
    middle = len(items) // 2
    first = await run_isolated(place, run, items[:middle])
    return first + await run_isolated(place, run, items[middle:])


def blame(place: str, error: Exception) -> StageError:
    """Return the error of a record on which a model failed; it says nothing of the record."""
    # Only the type: a model's message may quote the record.
    return StageError(
        place,
        f"the model failed on this record ({type(error).__name__})",
        "The other records are answered; leave this one out or report it.",
    )


def _one_each(values: Sequence[Value], count: int) -> list[Value | HeadgateError]:
    if len(values) != count:
        raise ValueError(f"{len(values)} values for {count} items")
    return list(values)
