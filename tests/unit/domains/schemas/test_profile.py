import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domains.schemas.columns import Column
from headgate.domains.schemas.gather import ColumnGatherer
from headgate.domains.schemas.profile import LOOKED_AT, profile_of


def column_of(*cells):
    gatherer = ColumnGatherer("c")
    gatherer.add(cells)
    return gatherer.column()


def numbered(template, count=30):
    return [template.format(number) for number in range(count)]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        pytest.param([], "empty", id="no-cells"),
        pytest.param([None, "n/a", ""], "empty", id="nulls"),
        pytest.param(["Yes", "no", "NO"], "boolean", id="yes-and-no"),
        pytest.param(["1", "0"], "boolean", id="flags"),
        pytest.param(["1.0", "0.0", None], "boolean", id="flags-as-fractions"),
        pytest.param(["present"], "boolean", id="half-of-a-pair"),
        pytest.param(["yes", "false"], "category", id="halves-of-two-pairs"),
        pytest.param(["1", "2"], "number", id="two-numbers"),
        pytest.param(["3.5", "-1e-4", "1,200", "12 %"], "number", id="numbers"),
        pytest.param([*map(str, range(100, 119)), "> 120"], "number", id="one-that-is-none"),
        pytest.param(["12 mg", "13 mg"], "category", id="numbers-with-a-unit"),
        pytest.param(["2024-01-31", "2023-12-01"], "date", id="dates"),
        pytest.param(["31.01.2024", "1.12.23"], "date", id="german-dates"),
        pytest.param(["1/31/2024 10:15 pm", "12/1/2023 9:05 AM"], "date", id="american-times"),
        pytest.param(["2024-01-31T10:15:00Z", "2024-01-31 10:15:00.5+0100"], "date", id="moments"),
        pytest.param(["3 Mar 2024", "March 4, 2024"], "date", id="names-of-months"),
        pytest.param(["2024-05", "10:15"], "date", id="months-and-times"),
        pytest.param(["2024-13-01", "2024-01-32"], "category", id="no-such-days"),
        pytest.param(["red", "green", "red"], "category", id="words"),
        pytest.param(["a rather long answer of more than six words"] * 50, "category", id="answer"),
        pytest.param(numbered("what was said in visit number {}"), "text", id="sentences"),
        pytest.param(numbered("{0} name", 101), "text", id="too-many-for-a-list"),
        pytest.param(numbered("site {}") * 5, "category", id="words-that-come-again"),
        pytest.param(numbered("AB-{:04}"), "identifier", id="codes"),
        pytest.param(numbered("AB-{:04}", 19), "category", id="few-codes-may-be-a-list"),
        pytest.param(numbered("AB-{:04}") * 2, "category", id="codes-that-come-again"),
        pytest.param(numbered("{:032x}"), "identifier", id="hashes"),
        pytest.param(numbered("{}"), "identifier", id="row-numbers"),
        pytest.param(numbered("{}7"), "number", id="numbers-with-gaps"),
        pytest.param(numbered("{}.5mg"), "category", id="measures-are-no-codes"),
    ],
)
def test_the_kind_is_told_by_the_values(cells, kind):
    assert profile_of(column_of(*cells)).kind == kind


def test_shares_lengths_and_range():
    profile = profile_of(column_of("1", "2", "2", "10", None, "", "-", "?"))

    assert profile.null_share == 0.5
    assert profile.distinct_share == 0.75
    assert profile.mean_length == pytest.approx(4 / 3)
    assert (profile.low, profile.high, profile.whole) == (1, 10, True)


def test_only_numbers_have_a_range():
    profile = profile_of(column_of("a1", "b2"))

    assert (profile.low, profile.high, profile.whole) == (None, None, False)


def test_fractions_are_not_whole():
    assert not profile_of(column_of("1", "2.5")).whole


def test_values_of_a_dictionary_need_no_rows():
    profile = profile_of(Column("c", ("red", "green"), (1, 1)))

    assert (profile.kind, profile.null_share, profile.distinct_share) == ("category", 0, 1)


def test_values_behind_the_first_are_not_looked_at():
    values = (*map(str, range(5, 5 * LOOKED_AT + 5, 5)), "word")

    assert profile_of(Column("c", values, (1,) * len(values))).high == 5 * LOOKED_AT


@given(st.lists(st.none() | st.text(st.characters(), max_size=8) | st.floats().map(str)))
@settings(deadline=None, max_examples=40)
def test_any_cells_have_a_profile_within_bounds(cells):
    profile = profile_of(column_of(*cells))

    assert 0 <= profile.null_share <= 1
    assert 0 <= profile.distinct_share <= 1
    assert profile.mean_length >= 0
    assert (profile.kind == "number") == (profile.low is not None)
    assert profile == profile_of(column_of(*reversed(cells)))
