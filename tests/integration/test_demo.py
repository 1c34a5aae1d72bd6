"""The demonstration, run as a newcomer runs it; those of the other samples are in `tests/demos`."""

import re

import pytest

from fakes.demonstration import assert_ended_well, demonstrate

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(300)]


def test_the_demonstration_fits_serves_calls_and_ends_well(embedded_int8, tmp_path):
    del embedded_int8  # made now, so that the time-out covers the demonstration only

    done = demonstrate("log_analysis", tmp_path)

    accuracy = {
        name: float(percent)
        for name, percent in re.findall(r"(alone|cascade) +│ +([\d.]+)%", done.stdout)
    }
    assert set(accuracy) == {"alone", "cascade"}
    assert_ended_well(done)
