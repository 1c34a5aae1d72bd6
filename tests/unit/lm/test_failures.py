import time
from email.utils import formatdate

import httpx2
import openai
import pytest

from headgate.errors import LmAnswerError, LmError, LmRefusedError
from headgate.lm.failures import retry_after_s, translate
from headgate.lm.faults import AnswerFault, invalid_answer
from headgate.lm.seam import TransientLmError

REQUEST = httpx2.Request("POST", "http://canary-host/v1")


def status_error(status, **headers):
    response = httpx2.Response(status, headers=headers, request=REQUEST, text="canary-body")
    return openai.APIStatusError("canary-message", response=response, body="canary-body")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("7", 7.0, id="seconds"),
        pytest.param(" 0 ", 0.0, id="zero"),
        pytest.param("", 0.0, id="absent"),
        pytest.param("abc", 0.0, id="garbage"),
        pytest.param("-5", 0.0, id="negative"),
        pytest.param("1.5", 0.0, id="fraction"),
        pytest.param("inf", 0.0, id="infinite"),
        pytest.param("٣", 0.0, id="other-digits"),
        pytest.param("9" * 5_000, 0.0, id="endless-number"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", 0.0, id="past-date"),
        pytest.param("Sun, 99 Nov 1994 08:49:37 GMT", 0.0, id="impossible-date"),
    ],
)
def test_retry_after_is_read_or_counts_as_absent(header, seconds):
    assert retry_after_s(header) == seconds


def test_retry_after_may_be_a_date():
    header = formatdate(time.time() + 60, usegmt=True)

    assert retry_after_s(header) == pytest.approx(60, abs=2)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 529, 599])
def test_a_busy_or_broken_endpoint_may_be_asked_again(status):
    error = translate(status_error(status, **{"Retry-After": "3"}), "m")

    assert isinstance(error, TransientLmError)
    assert error.retry_after_s == 3.0


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 413, 422])
def test_a_refusal_is_final(status):
    assert type(translate(status_error(status), "m")) is LmRefusedError


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(openai.APIConnectionError(request=REQUEST), id="connection"),
        pytest.param(openai.APITimeoutError(request=REQUEST), id="timeout"),
        pytest.param(httpx2.ReadError("canary"), id="transport"),
        pytest.param(ConnectionResetError("canary"), id="socket"),
    ],
)
def test_an_unreachable_endpoint_may_be_asked_again(error):
    assert isinstance(translate(error, "m"), TransientLmError)


@pytest.mark.parametrize("error", [ValueError("canary"), RecursionError("canary")])
def test_what_nobody_foresaw_is_an_error_of_ours_and_final(error):
    assert type(translate(error, "m")) is LmError


def test_our_own_errors_pass_unchanged():
    error = invalid_answer(AnswerFault.TOO_LARGE)

    assert translate(error, "m") is error
    assert isinstance(error, LmAnswerError)


def test_the_message_names_the_model_and_the_status_and_nothing_else_of_the_reply():
    message = str(translate(status_error(503, **{"X-Debug": "canary"}), "m"))

    assert message.startswith("large model 'm': the endpoint is busy or broken (HTTP 503). ")
    assert "canary" not in message
