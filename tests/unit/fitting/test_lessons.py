import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domains.schemas.augment import NO_WORDINGS, Wording, Wordings
from headgate.domains.schemas.columns import Column, Table
from headgate.domains.schemas.serialise import header
from headgate.errors import InputError
from headgate.fitting.lessons import batches, lesson_texts, make_lessons


def table_of(columns):
    return Table("t", tuple(Column(f"name{place}") for place in range(columns)))


def worded(columns):
    """Return three names and four values for each column, of which none is another's."""
    return Wordings(
        {
            f"name{place}": Wording(
                tuple(f"other{place}{letter}" for letter in "abc"),
                tuple(f"value{place}{letter}" for letter in "abcd"),
            )
            for place in range(columns)
        }
    )


@given(columns=st.integers(8, 40), seed=st.integers(0, 2**32 - 1))
def test_nothing_that_is_asked_is_learnt(columns, seed):
    lessons = make_lessons(table_of(columns), worded(columns), np.random.default_rng(seed))

    assert len(lessons.questions) == len(set(lessons.answers.tolist())) == -(-columns // 3)
    for question, place in zip(lessons.questions, lessons.answers, strict=True):
        left = lessons.wordings[place]
        assert question.name not in left.names
        assert not set(question.values) & set(left.values)
        assert len(question.values) == len(left.values) == 2
        assert len(left.names) == 2


def test_only_columns_with_two_other_names_are_asked_about():
    given_names = worded(12).by_column | {f"name{place}": Wording(("one",)) for place in range(4)}

    lessons = make_lessons(table_of(12), Wordings(given_names), np.random.default_rng(3))

    assert len(lessons.questions) == 3
    assert min(lessons.answers) >= 4
    assert all(lessons.wordings[place] == Wording(("one",)) for place in range(4))


@given(columns=st.integers(8, 40), size=st.integers(1, 50), seed=st.integers(0, 2**32 - 1))
def test_every_column_is_in_one_batch(columns, size, seed):
    generator = np.random.default_rng(seed)
    lessons = make_lessons(table_of(columns), worded(columns), generator)
    alike = generator.random((columns, columns), np.float32)

    dealt = batches(lessons, alike, size, generator)

    assert sorted(place for batch in dealt for place in batch) == list(range(columns))
    assert max(map(len, dealt)) <= size


def test_columns_that_are_alike_often_share_a_batch():
    """Twelve groups of four; by chance 9 % of a column's group would be in its batch of 5."""
    lessons = make_lessons(table_of(48), worded(48), np.random.default_rng(0))
    group = np.arange(48) // 4
    alike = (group[:, np.newaxis] == group).astype(np.float32)

    dealt = batches(lessons, alike, 5, np.random.default_rng(0))

    together = [
        sum(group[a] == group[b] for a in batch for b in batch) - len(batch) for batch in dealt
    ]
    assert sum(together) / (48 * 3) > 0.4


def test_texts_of_a_batch_are_in_its_order():
    lessons = make_lessons(table_of(9), worded(9), np.random.default_rng(0))

    varied, own = lesson_texts(lessons, [8, 2], header, np.random.default_rng(0))

    assert own == ["name 8", "name 2"]
    assert "8" in varied[0]
    assert "2" in varied[1]


@pytest.mark.parametrize(
    "wordings", [NO_WORDINGS, worded(7)], ids=["no-other-names", "names-of-seven"]
)
def test_too_few_other_names_are_refused(wordings):
    count = len(wordings.by_column)

    with pytest.raises(InputError, match=f"table 't': {count} of its .* Give an augmentation"):
        make_lessons(table_of(20), wordings, np.random.default_rng(0))
