import pytest

from headgate.cascade.pace import Pace


class Clock:
    """Stands still until it is moved."""

    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pace(clock):
    return Pace(clock)


def note(pace, *durations_s, stage="triage", records=1):
    for duration_s in durations_s:
        pace.note(stage, records, duration_s)


def test_nothing_is_said_of_a_stage_that_never_ran(pace):
    assert pace.p95_s("triage", 1) == 0


def test_nineteen_durations_say_nothing_and_twenty_do(pace):
    note(pace, *[1.0] * 19)
    assert pace.p95_s("triage", 1) == 0

    note(pace, 1.0)
    assert pace.p95_s("triage", 1) == 1


def test_five_of_a_hundred_durations_may_be_longer(pace):
    """Of 1 to 100 seconds it is the 96th: no more than 5 % took longer than 95."""
    note(pace, *range(100, 0, -1))

    assert pace.p95_s("triage", 1) == 96


def test_only_the_last_hundred_count(pace):
    note(pace, *[9.0] * 100, *[1.0] * 100)

    assert pace.p95_s("triage", 1) == 1


def test_stages_are_told_apart(pace):
    note(pace, *[1.0] * 20)

    assert pace.p95_s("decide", 1) == 0


def test_a_large_batch_says_nothing_of_a_small_one(pace):
    """Sizes are alike within powers of two: 512 to 1023 are, and 511 is not."""
    note(pace, *[5.0] * 20, records=1000)

    assert [pace.p95_s("triage", records) for records in (1, 511, 512, 1023, 1024)] == [
        0,
        0,
        5,
        5,
        0,
    ]


def test_a_stage_that_was_slow_is_tried_again_although_it_was_never_started_since(pace, clock):
    """While it is not started nothing new is learnt, so what is known must grow old."""
    note(pace, *[5.0] * 100)
    assert pace.p95_s("triage", 1) == 5

    clock.now_s += 61
    assert pace.p95_s("triage", 1) == 0

    note(pace, *[0.1] * 20)
    assert pace.p95_s("triage", 1) == 0.1


def test_durations_of_the_last_minute_count(pace, clock):
    note(pace, *[5.0] * 20)

    clock.now_s += 59
    assert pace.p95_s("triage", 1) == 5
