import pytest

from headgate.errors import DeadlineError, InputError
from headgate.serving.limits import Limits, check_ids


@pytest.mark.parametrize(
    ("count", "problem"),
    [
        pytest.param(0, "records: it is empty. Send at least one.", id="none"),
        pytest.param(
            1001, "records: it has 1001 entries. Send at most 1000 at once.", id="one-too-many"
        ),
    ],
)
def test_a_batch_of_another_length_is_refused(count, problem):
    with pytest.raises(InputError) as caught:
        Limits().check_count("records", count)

    assert str(caught.value) == problem


@pytest.mark.parametrize("count", [1, 1000])
def test_a_batch_at_the_limit_passes(count):
    Limits().check_count("records", count)


def test_an_entry_of_64_kib_passes_and_one_byte_more_is_named():
    Limits().check_sizes("records", [65536, 1], 65536)

    with pytest.raises(InputError) as caught:
        Limits().check_sizes("records", [1, 65537], 65536)
    assert caught.value.place == "records[1]"


def test_the_second_of_two_equal_ids_is_named_and_not_shown():
    check_ids("records", ["a", "b"])

    with pytest.raises(InputError) as caught:
        check_ids("records", ["canary", "b", "canary"])
    assert caught.value.place == "records[2].id"
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("remaining_s", "granted_s"),
    [
        pytest.param(None, 119.75, id="no-deadline"),
        pytest.param(10 * 365 * 86400.0, 119.75, id="ten-years"),
        pytest.param(10.0, 9.75, id="ten-seconds"),
        pytest.param(0.1, 0.09, id="a-tenth-of-a-second"),
    ],
)
def test_a_call_gets_its_callers_time_capped_less_the_time_of_the_reply(remaining_s, granted_s):
    deadline = Limits().deadline(remaining_s)

    assert granted_s - 1 < deadline.remaining_s() <= granted_s


@pytest.mark.parametrize("remaining_s", [0.0, -1.0])
def test_a_deadline_that_has_passed_is_refused(remaining_s):
    with pytest.raises(DeadlineError):
        Limits().deadline(remaining_s)
