"""The lines of a process: one object each, complete, and nothing in them that can forge another."""

import io
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.contextvars import bound_contextvars

from headgate.serving.logs import configure_logs, formatter, get_logger

NAME = "headgate.serving.made_up"
OBEYED = [
    *map(chr, range(32)),
    *map(chr, range(127, 160)),
    *map(chr, range(0x2028, 0x202F)),
    "\ud800",
]


@pytest.fixture
def lines(capsys):
    """Return what was written to stderr since, line by line."""
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


class Written:
    """One handler of a logger that nobody else reads."""

    def __init__(self, *, terminal=False):
        self.stream = io.StringIO()
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(formatter(terminal=terminal, environment={"NO_COLOR": "1"}))
        own = logging.getLogger("made_up_alone")
        own.handlers[:], own.propagate = [handler], False
        own.setLevel(logging.DEBUG)
        self.log, self.plain = get_logger(own.name), own

    @property
    def text(self):
        return self.stream.getvalue()


def test_a_line_is_one_object_with_time_level_event_logger_and_fields(lines):
    configure_logs({})

    get_logger(NAME).error("cascade_not_served", name="parts", problem="it is missing")

    (line,) = lines()
    assert line.pop("timestamp").endswith("+00:00")
    assert list(line.items()) == [
        ("level", "error"),
        ("event", "cascade_not_served"),
        ("logger", NAME),
        ("name", "parts"),
        ("problem", "it is missing"),
    ]


def test_the_names_of_a_call_are_in_every_line_of_it_and_in_those_of_libraries(lines):
    configure_logs({})

    with bound_contextvars(request_id="r-1", trace_id="t-1", cascade="parts"):
        get_logger(NAME).info("asked")
        logging.getLogger("library").warning("it is %s", "slow")
    get_logger(NAME).info("after")

    named, foreign, after = lines()
    for line in (named, foreign):
        assert (line["request_id"], line["trace_id"], line["cascade"]) == ("r-1", "t-1", "parts")
    assert (foreign["event"], foreign["logger"], foreign["level"]) == (
        "it is slow",
        "library",
        "warning",
    )
    assert "request_id" not in after


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        pytest.param("", ["info", "warning"], id="not-set"),
        pytest.param("debug", ["debug", "info", "warning"], id="debug"),
        pytest.param("WARNING", ["warning"], id="in-capitals"),
        pytest.param("critical", [], id="critical"),
    ],
)
def test_the_level_is_that_of_the_environment(lines, level, heard):
    configure_logs({"HEADGATE_LOG_LEVEL": level})

    for each in ("debug", "info", "warning"):
        getattr(get_logger(NAME), each)("said")

    assert [line["level"] for line in lines()] == heard


def test_a_level_that_is_none_is_said_and_the_default_is_taken(lines):
    configure_logs({"HEADGATE_LOG_LEVEL": "canary"})
    get_logger(NAME).info("said")

    first, second = lines()
    assert (first["event"], first["variable"]) == ("log_level_unknown", "HEADGATE_LOG_LEVEL")
    assert "canary" not in str(first)
    assert second["event"] == "said"


def test_libraries_are_heard_from_warnings_on(lines):
    configure_logs({"HEADGATE_LOG_LEVEL": "debug"})

    logging.getLogger("library").info("chatter")
    logging.getLogger("library").warning("trouble")

    assert [line["event"] for line in lines()] == ["trouble"]


def test_a_second_configuration_writes_no_line_twice(lines):
    configure_logs({})
    configure_logs({"HEADGATE_LOG_LEVEL": "warning"})

    get_logger(NAME).info("quiet")
    get_logger(NAME).warning("once")

    assert [line["event"] for line in lines()] == ["once"]


def test_an_error_is_told_by_kind_and_place_and_never_by_its_text():
    written = Written()

    try:
        raise RuntimeError("canary")
    except RuntimeError:
        written.plain.exception("failed")

    line = json.loads(written.text)
    assert line["type"] == "RuntimeError"
    assert "test_logs.py" in line["traceback"]
    assert 'RuntimeError("canary")' in line["traceback"]  # the line of code, not what it said
    assert "exc_info" not in line


def test_a_value_that_json_does_not_have_is_shown_as_python_would():
    written = Written()

    written.log.info("said", value={1, 2}, error=ValueError("x"))

    assert json.loads(written.text)["value"] == "{1, 2}"


@given(st.text(), st.text(), st.dictionaries(st.sampled_from("abc"), st.text()))
def test_any_text_in_event_and_fields_stays_in_one_line_and_comes_back(event, text, fields):
    written = Written()

    written.log.info(event, text=text, **fields)

    assert "\n" not in written.text[:-1]
    assert written.text[:-1].isprintable()
    line = json.loads(written.text)
    expected = {name: _through_json(value) for name, value in {"text": text, **fields}.items()}
    assert {name: line[name] for name in expected} == expected
    assert line["event"] == _through_json(event)


def _through_json(text):
    return json.loads(json.dumps(text))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('x\n{"level": "error", "event": "forged"}', id="a-line-of-ours"),
        pytest.param("x\r\x1b]0;title\x07", id="a-title-of-the-terminal"),
        pytest.param("\x1b[2J", id="clears-the-screen"),
        pytest.param("\u2028\u2029\x85", id="other-ends-of-lines"),
        pytest.param("\u202egnp.exe", id="turned-round"),
        pytest.param("\ud800", id="half-a-character"),
    ],
)
@pytest.mark.parametrize("foreign", [False, True], ids=["ours", "of-a-library"])
@pytest.mark.parametrize("terminal", [False, True], ids=["json", "terminal"])
def test_no_text_begins_a_line_or_speaks_to_a_terminal(text, foreign, terminal):
    written = Written(terminal=terminal)

    if foreign:
        written.plain.warning("%s", text)
    else:
        written.log.warning(text, value=text)

    assert written.text.count("\n") == 1
    assert not set(written.text[:-1]) & set(OBEYED)


def test_a_traceback_keeps_its_lines_on_a_terminal_and_nothing_else_of_it():
    written = Written(terminal=True)

    written.log.error("rpc_failed", traceback='  File "a.py"\n    \x1b[2Jcall()\n')

    assert '\n  File "a.py"\n    \\x1b[2Jcall()' in written.text


def test_a_process_that_configured_nothing_still_shows_the_fields(caplog):
    get_logger(NAME).error("cascade_not_served", name="parts", problem="it is missing")

    assert caplog.messages == ["cascade_not_served name=parts problem=it is missing"]
