import copy
from collections.abc import Iterator

import grpc
import pytest
from google.rpc import error_details_pb2

from headgate import errors
from headgate.errors import HeadgateError, InputError, LimitError, NotFoundError, UnavailableError
from headgate.serving.status import MAX_TEXT_BYTES, internal_error, status_of


def tree(root: type[HeadgateError]) -> Iterator[type[HeadgateError]]:
    yield root
    for each in root.__subclasses__():
        yield from tree(each)


ALL_ERRORS = sorted(set(tree(HeadgateError)), key=lambda each: each.__name__)


def example(kind: type[HeadgateError]) -> HeadgateError:
    if kind is errors.SpecFileError:
        return kind([errors.SpecError("file:1:2", "it is wrong", "Write it right.")])
    if kind is errors.RemoteError:
        return kind("NOT_FOUND", "NO_CASCADE", "there is none")
    return kind("here", "it is wrong", "Do it right.")


def details_of(status) -> dict[str, object]:
    kinds = (
        error_details_pb2.ErrorInfo,
        error_details_pb2.BadRequest,
        error_details_pb2.ResourceInfo,
        error_details_pb2.RetryInfo,
    )
    found = {}
    for packed in status.details:
        for kind in kinds:
            message = kind()
            if packed.Unpack(message):
                found[kind.__name__] = message
    return found


@pytest.mark.parametrize("kind", ALL_ERRORS)
def test_every_error_has_a_status_that_grpc_knows_and_says_its_reason(kind):
    error = example(kind)

    status = status_of(error)

    codes = {code.value[0]: code for code in grpc.StatusCode}
    assert codes[status.code].name == error.status
    assert codes[status.code] not in (grpc.StatusCode.OK, grpc.StatusCode.UNKNOWN)
    assert status.message == str(error)
    assert details_of(status)["ErrorInfo"].reason == error.reason
    assert details_of(status)["ErrorInfo"].domain == "headgate"
    assert error.reason == error.reason.upper()


@pytest.mark.parametrize("kind", ALL_ERRORS)
def test_every_error_survives_the_way_between_two_processes(kind):
    error = example(kind)

    # What pickle does too, and Ray with it.
    rebuilt = copy.copy(error)

    assert type(rebuilt) is kind
    assert (str(rebuilt), rebuilt.status, rebuilt.reason) == (
        str(error),
        error.status,
        error.reason,
    )


def test_wrong_input_comes_with_the_path_of_the_field():
    details = details_of(status_of(InputError("records[3].id", "it is odd", "Make it even.")))

    (violation,) = details["BadRequest"].field_violations
    assert violation.field == "records[3].id"
    assert violation.description == "it is odd. Make it even."


def test_what_is_not_found_comes_with_its_name():
    details = details_of(status_of(NotFoundError("cascade 'x'", "not here", "Served: y.")))

    assert details["ResourceInfo"].resource_name == "cascade 'x'"


@pytest.mark.parametrize("kind", [LimitError, UnavailableError])
def test_a_refusal_that_passes_says_when_to_come_again(kind):
    details = details_of(status_of(kind("server", "busy", "Wait.")))

    assert details["RetryInfo"].retry_delay.ToMilliseconds() == 200


@pytest.mark.parametrize(
    "name", [pytest.param("n" * 100_000, id="ascii"), pytest.param("ü" * 100_000, id="two-bytes")]
)
def test_a_long_name_is_cut_so_that_the_status_fits_into_headers(name):
    status = status_of(NotFoundError(name, name, name))

    assert MAX_TEXT_BYTES <= len(status.message.encode()) + 1 <= MAX_TEXT_BYTES + 4
    assert len(status.SerializeToString()) < 4096


def test_a_path_that_is_not_unicode_does_not_break_the_status():
    status = status_of(errors.ArtifactError("/srv/\udcff", "it is missing", "Fit it."))

    assert status.message == "/srv/?: it is missing. Fit it."


def test_a_bug_is_logged_by_place_and_told_by_id_but_never_quoted(caplog):
    text = "canary"
    try:
        raise RuntimeError(text)
    except RuntimeError as error:
        told = internal_error(error, "headgate.v1.CascadeService.RunCascade")

    assert told.status == "INTERNAL"
    error_id = told.problem.rpartition(" ")[2]
    (record,) = caplog.records
    assert error_id in record.getMessage()
    assert "RuntimeError" in record.getMessage()
    assert "test_status.py" in record.getMessage()
    assert "RunCascade" in record.getMessage()
    assert "canary" not in str(told) + record.getMessage()
