import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domains.rows import LabelledRecord, template_of
from headgate.fitting.units import part_units
from headgate.types import Candidate, Record

MANY = range(200)


def row(log, *candidates):
    own = tuple(Candidate(str(place), text) for place, text in enumerate(candidates))
    return LabelledRecord(Record(log, {"log": log}, own), "a")


def rows_of(words, numbers=(0,)):
    """A row for each word and number; those of one word are of one template."""
    return [row(f"{word} {number}") for word in words for number in numbers]


def worded(count):
    return [chr(0x4E00 + place) for place in range(count)]


drawn_rows = st.lists(
    st.builds(row, st.text("ab 1", min_size=1, max_size=4), st.sampled_from(["c1", "c2", "d"])),
    min_size=1,
    max_size=40,
)


@given(drawn_rows, st.sampled_from([0.0, 0.3, 0.9]), st.integers(0, 5))
@settings(max_examples=200)
def test_tuning_and_certification_share_no_row_and_no_template(rows, share, seed):
    units = part_units(rows, share, seed)

    parts = [np.flatnonzero(each).tolist() for each in (units.tune, units.certify)]
    tune, certify = ({template_of(rows[place]) for place in part} for part in parts)
    assert not set(parts[0]) & set(parts[1])
    assert not tune & certify
    assert tune | certify == {template_of(each) for each in rows}


@given(drawn_rows, st.integers(0, 5))
def test_every_unit_of_a_template_that_certifies_has_exactly_one_row(rows, seed):
    """The words of these rows are letters and digits, and digits are masked."""
    units = part_units(rows, 0.3, seed)

    def unit(place):
        text = [template_of(rows[place]), rows[place].record.candidates[0].text]
        return tuple(part.replace("2", "1") for part in text)

    certifying = np.flatnonzero(units.certify).tolist()
    open_to = {template_of(rows[place]) for place in certifying}
    wanted = {unit(place) for place in range(len(rows)) if template_of(rows[place]) in open_to}
    assert sorted(map(unit, certifying)) == sorted(wanted)


def test_without_a_share_every_template_certifies():
    units = part_units(rows_of(worded(50)), 0.0, 0)

    assert not units.tune.any()
    assert units.certify.all()


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_templates_of_one_row_tune_to_the_row(share):
    units = part_units(rows_of(worded(200)), share, 0)

    assert (units.tune.sum(), units.certify.sum()) == (200 * share, 200 * (1 - share))


def test_copies_tune_together_and_one_of_them_certifies():
    """Ten templates of four rows: three tune, of the seven others one row each is taken."""
    units = part_units(rows_of(worded(10), range(4)), 0.3, 0)

    groups = units.tune.reshape(10, 4)
    assert (groups.all(axis=1) == groups.any(axis=1)).all()
    assert (units.tune.sum(), units.certify.sum()) == (12, 7)
    assert set(units.certify.reshape(10, 4).sum(axis=1)) == {0, 1}


def test_one_template_alone_certifies_and_leaves_nothing_to_tune_on():
    units = part_units(rows_of("a", MANY), 0.3, 0)

    assert not units.tune.any()
    assert units.certify.sum() == 1


def test_rows_of_one_log_that_ask_something_else_are_units_of_their_own():
    rows = [row("fan 1", "hot"), row("fan 2", "hot"), row("fan 3", "worn")]

    certify = part_units(rows, 0.0, 0).certify

    assert certify[2]
    assert certify[:2].sum() == 1


def test_candidates_in_another_order_are_the_same_question():
    rows = [row("fan", "hot", "worn"), row("fan", "worn", "hot")]

    assert part_units(rows, 0.0, 0).certify.sum() == 1


def test_the_same_seed_draws_the_same_rows_and_another_seed_others():
    rows = rows_of(worded(60), range(3))

    first, again, other = (part_units(rows, 0.3, seed) for seed in (0, 0, 1))

    assert (first.tune == again.tune).all()
    assert (first.certify == again.certify).all()
    assert (first.tune != other.tune).any()
    assert (first.certify != other.certify).any()


def test_every_copy_may_stand_for_its_unit():
    rows = rows_of("a", range(4))

    drawn = {int(np.flatnonzero(part_units(rows, 0.0, seed).certify)[0]) for seed in range(60)}

    assert drawn == {0, 1, 2, 3}


def test_where_a_template_stands_in_the_file_says_nothing_about_its_part():
    """Of 400 templates in order, the first and the second half tune about as often."""
    tune = part_units(rows_of(worded(400)), 0.3, 7).tune

    assert 40 <= tune[:200].sum() <= 80


def test_no_rows_are_no_units():
    units = part_units([], 0.3, 0)

    assert (len(units.tune), len(units.certify)) == (0, 0)
