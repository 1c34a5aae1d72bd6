import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.pages.amounts import counted, dollars, duration, percent, points, share, size


@pytest.mark.parametrize(
    ("usd", "written"),
    [
        (None, "\N{EN DASH}"),
        (0.0, "$0.00"),
        (1234.5, "$1,234.50"),
        (1.0, "$1.00"),
        (0.5, "$0.500"),
        (0.0505, "$0.0505"),
        (1.11e-6, "$0.00000111"),
    ],
)
def test_small_amounts_keep_three_digits(usd, written):
    assert dollars(usd) == written


def test_shares_and_points_are_written_with_one_decimal():
    assert (percent(0.8351), points(0.022), points(-0.003)) == ("83.5%", "2.2", "\N{MINUS SIGN}0.3")


@pytest.mark.parametrize(
    ("part", "written"),
    [
        (0.0, "0.0%"),
        (1e-9, "under 0.1%"),
        (0.001, "0.1%"),
        (0.126, "12.6%"),
        (0.999, "99.9%"),
        (1 - 1e-9, "over 99.9%"),
        (1.0, "100.0%"),
    ],
)
def test_one_row_in_millions_is_neither_nothing_nor_all(part, written):
    assert share(part) == written


def test_one_thing_is_not_many():
    assert (counted(1, "line"), counted(0, "line"), counted(2000, "line")) == (
        "1 line",
        "0 lines",
        "2,000 lines",
    )
    assert counted(3, "entry", "entries") == "3 entries"


@pytest.mark.parametrize(
    ("size_bytes", "written"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1,023 bytes"),
        (1024, "1 KiB"),
        (1023 * 1024, "1,023 KiB"),
        (1_500_000_000, "1.4 GiB"),
        (5 * 1024**5, "5,120 TiB"),
    ],
)
def test_sizes_have_the_unit_that_leaves_a_whole_one(size_bytes, written):
    assert size(size_bytes) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.0, "0 s"),
        (0.0123, "0.012 s"),
        (0.997, "1.0 s"),
        (3.14, "3.1 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3600, "1 h 0 min"),
        (90_061, "25 h 1 min"),
    ],
)
def test_times_have_their_two_largest_units(seconds, written):
    assert duration(seconds) == written


@given(st.floats(0, 1e9))
def test_no_part_of_a_time_is_a_whole_of_the_next(seconds):
    assert "60" not in duration(seconds).split()
