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
"""A table with fewer that have other names leaves too few questions to judge a training by."""

_EXAMINED = 3
"""One such column in so many has a wording held out."""
_FEWEST_NAMES = 2
"""Other names of a column, one to hold out and one to learn from."""
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
    questions: tuple[Column, ...]
    """Columns as other tables might have them; their name and values are learnt from nowhere."""
    answers: NDArray[np.intp]
    """The place of each question's column, shape (questions,)."""


def make_lessons(table: Table, wordings: Wordings, generator: np.random.Generator) -> Lessons:
    """Return the table's lessons.

    A third of the columns that have other names is asked about: the question is one of the names
    with half of the other values, and the rest is learnt from. Noisy copies are learnt from but
    never asked: an encoder can get better at undoing our noise and worse at what tables write.

    Raises:
        InputError: Fewer than `FEWEST_COLUMNS` columns have two other names.
    """
    known = [wordings.by_column.get(own, Wording()) for own in table.ids]
    named = [place for place, each in enumerate(known) if len(each.names) >= _FEWEST_NAMES]
    if len(named) < FEWEST_COLUMNS:
        raise InputError(
            f"table {table.name!r}",
            f"{len(named)} of its columns have two other names, and an encoder that is tuned on "
            f"fewer than {FEWEST_COLUMNS} cannot be judged",
            "Give an augmentation with more names, or leave the tuning out.",
        )
    chosen = generator.permutation(len(named))[: -(-len(named) // _EXAMINED)]
    asked = np.array(named)[np.sort(chosen)]
    questions = []
    for place in asked.tolist():
        question, known[place] = _divided(known[place], generator)
        questions.append(question)
    return Lessons(table.columns, tuple(known), tuple(questions), asked)


def batches(
    lessons: Lessons, alike: NDArray[np.float32], size: int, generator: np.random.Generator
) -> list[list[int]]:
    """Return the places of the columns of each step; every column comes once.

    Some columns bring those with them that are the most alike and still to come: what is easily
    told apart teaches little.

    Args:
        lessons: Whose columns are dealt.
        alike: Of all columns, shape (columns, columns).
        size: Columns a batch, at most.
        generator: Deals them.
    """
    left = dict.fromkeys(generator.permutation(len(lessons.columns)).tolist())
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
