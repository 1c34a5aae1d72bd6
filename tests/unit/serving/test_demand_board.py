"""Demand on its way, in a process that is part of no cluster: nothing is sent, nothing is read."""

import pytest

from headgate.errors import UnavailableError
from headgate.serving.demand import Meter
from headgate.serving.demand_board import BoardReader, DemandReporter, find_board


def test_a_large_model_has_one_meter():
    reporter = DemandReporter()

    assert isinstance(reporter.meter("k"), Meter)
    assert reporter.meter("k") is reporter.meter("k")
    assert reporter.meter("k") is not reporter.meter("other")


async def test_without_placed_models_there_is_nothing_to_tell():
    reporter = DemandReporter()
    reporter.start()

    await reporter.close()


async def test_outside_of_a_cluster_nothing_is_told_and_none_is_started():
    import ray

    reporter = DemandReporter()
    reporter.meter("k")
    reporter.start()
    await reporter.close()

    with pytest.raises(UnavailableError, match="part of no cluster"):
        find_board()
    assert not ray.is_initialized()


def test_a_look_does_not_wait_and_sees_nothing_where_there_is_no_board():
    reader = BoardReader()

    assert [reader.look("k"), reader.look("k")] == [None, None]
