"""What an encoder is taught of a target table, and the questions it is examined with.

Table, Wordings  ->  Lessons: wordings to learn from, others held out
Lessons  ->  batches of columns  ->  (other wording, column) as two texts each

Every column is a class of its own: no table whose matches are known is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headgate.domains.schemas.augment import Wording, Wordings, vary
from headgate.domains.schemas.columns import Column, Table
from headgate.domains.schemas.serialise import Template
from headgate.errors import InputError

FEWEST_COLUMNS = 8
"""A table with fewer has nothing to confuse a column with."""

_EXAMINED = 3
"""One column in so many has a wording held out."""
_ALIKE = 3
"""Columns that join a batch because they are the most alike to one in it."""
_WITH_ALIKE = 0.5
"""Chance that a column brings them along."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """A table's columns, divided into what is learnt from and what is asked."""

    columns: tuple[Column, ...]
    """All of the target; each is an answer."""
    wordings: tuple[Wording, ...]
    """What may be learnt of each column; nothing that is asked is in it."""
    taught: tuple[int, ...]
    """Places of the columns that are learnt from."""
    questions: tuple[Column, ...]
    """Columns as other tables might have them, never learnt from."""
    answers: NDArray[np.intp]
    """The place of each question's column, shape (questions,)."""


def make_lessons(table: Table, wordings: Wordings, generator: np.random.Generator) -> Lessons:
    """Return the table's lessons.

    A third of the columns is asked about. Where other names are given, the question is one of them
    with half of the other values, and the rest is learnt from. Elsewhere it is a noisy copy, too
    easy for an encoder that has learnt from such copies: that column is not taught at all.

    Raises:
        InputError: The table has fewer than `FEWEST_COLUMNS`.
    """
    columns = table.columns
    if len(columns) < FEWEST_COLUMNS:
        raise InputError(
            f"table {table.name!r}",
            f"an encoder cannot be tuned on {len(columns)} columns",
            f"Give at least {FEWEST_COLUMNS}, or leave the tuning out.",
        )
    known = [wordings.by_column.get(own, Wording()) for own in table.ids]
    asked = np.sort(generator.permutation(len(columns))[: -(-len(columns) // _EXAMINED)])
    taught = set(range(len(columns)))
    questions = []
    for place in asked.tolist():
        if len(known[place].names) > 1:
            question, known[place] = _divided(known[place], generator)
        else:
            question = vary(columns[place], known[place], generator)
            taught.remove(place)
        questions.append(question)
    return Lessons(columns, tuple(known), tuple(sorted(taught)), tuple(questions), asked)


def batches(
    lessons: Lessons, alike: NDArray[np.float32], size: int, generator: np.random.Generator
) -> list[list[int]]:
    """Return the places of the columns of each step; every taught column comes once.

    Some columns bring those with them that are the most alike and still to come: what is easily
    told apart teaches little.

    Args:
        lessons: Whose taught columns are dealt.
        alike: Of all columns, shape (columns, columns).
        size: Columns a batch, at most.
        generator: Deals them.
    """
    left = dict.fromkeys(generator.permutation(lessons.taught).tolist())
    order: list[int] = []
    while left:
        place = next(iter(left))
        del left[place]
        order.append(place)
        if left and generator.random() < _WITH_ALIKE:
            others = np.array(list(left))
            near = others[np.argsort(-alike[place, others], kind="stable")[:_ALIKE]].tolist()
            order += near
            for other in near:
                del left[other]
    dealt = [order[start : start + size] for start in range(0, len(order), size)]
    return [dealt[step] for step in generator.permutation(len(dealt))]


def lesson_texts(
    lessons: Lessons, places: Sequence[int], template: Template, generator: np.random.Generator
) -> tuple[list[str], list[str]]:
    """Return the text of each column as another table might have it, and as it is."""
    columns = [lessons.columns[place] for place in places]
    varied = [
        vary(column, lessons.wordings[place], generator)
        for column, place in zip(columns, places, strict=True)
    ]
    return [*map(template, varied)], [*map(template, columns)]


def _divided(wording: Wording, generator: np.random.Generator) -> tuple[Column, Wording]:
    """Return a question of one name and half of the values, and what is left to learn from."""
    chosen = int(generator.integers(len(wording.names)))
    order = generator.permutation(len(wording.values)).tolist()
    held, left = order[: len(order) // 2], sorted(order[len(order) // 2 :])
    names = wording.names[:chosen] + wording.names[chosen + 1 :]
    values = tuple(wording.values[place] for place in held)
    question = Column(wording.names[chosen], values, (1,) * len(values))
    return question, Wording(names, tuple(wording.values[place] for place in left))
