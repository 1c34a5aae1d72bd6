from datetime import UTC, datetime

import pyarrow as pa
import pytest

from fakes.read_inputs import read_text
from headgate.batch.inputs.formats import LINE_FORMATS, PatternHeader, header_of
from headgate.batch.types import InputSpec
from headgate.errors import InputError

WRITTEN_S = datetime(2026, 3, 1, tzinfo=UTC).timestamp()


def parsed(name, line):
    """Return timestamp, level, component and content of a line that fits."""
    header = header_of(InputSpec(("x",), line_format=name))
    found = header.parse(pa.array([line], pa.large_binary()), WRITTEN_S)
    assert found.fits.tolist() == [True]
    columns = [found.timestamps, found.levels, found.components, found.content]
    return [None if column is None else column[0].as_py() for column in columns]


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "line", "timestamp", "level", "component", "content"),
    [
        pytest.param(
            "syslog",
            b"Feb  9 06:55:46 web-1 sshd[24200]: Invalid user bob",
            at(2026, 2, 9, 6, 55, 46),
            None,
            "sshd",
            b"Invalid user bob",
            id="syslog",
        ),
        pytest.param(
            "syslog",
            b"<34>Dec 10 06:55:46 web-1 su(pam_unix)[7]: session opened",
            at(2025, 12, 10, 6, 55, 46),
            None,
            "su(pam_unix)",
            b"session opened",
            id="syslog-priority-last-year",
        ),
        pytest.param(
            "syslog",
            b"2026-01-02T03:04:05.25+01:00 web-1 kernel: link: down",
            at(2026, 1, 2, 2, 4, 5, 250_000),
            None,
            "kernel",
            b"link: down",
            id="syslog-iso",
        ),
        pytest.param(
            "syslog",
            b"Feb 10 07:02:47 web-1 last message repeated 2 times",
            at(2026, 2, 10, 7, 2, 47),
            None,
            "",
            b"last message repeated 2 times",
            id="syslog-no-tag",
        ),
        pytest.param(
            "klog",
            b"W0102 15:04:05.123456    1234 server.go:12] Serving [::]:80",
            at(2026, 1, 2, 15, 4, 5, 123_456),
            "W",
            "server.go:12",
            b"Serving [::]:80",
            id="klog",
        ),
        pytest.param(
            "log4j",
            b"2015-10-18 18:01:47,978 INFO [main] org.example.Master: Created: one",
            at(2015, 10, 18, 18, 1, 47, 978_000),
            "INFO",
            "org.example.Master",
            b"Created: one",
            id="log4j-thread-behind-level",
        ),
        pytest.param(
            "log4j",
            b"17/06/09 20:10:40 WARN executor.Backend: Registered for [TERM]",
            at(2017, 6, 9, 20, 10, 40),
            "WARN",
            "executor.Backend",
            b"Registered for [TERM]",
            id="log4j-short-year",
        ),
        pytest.param(
            "log4j",
            b"2015-07-29 17:41:44,747 - INFO  [Peer[myid=1]/0:2181:Leader@774] - Notice: 3200",
            at(2015, 7, 29, 17, 41, 44, 747_000),
            "INFO",
            "",
            b"Notice: 3200",
            id="log4j-brackets-in-brackets",
        ),
        pytest.param(
            "log4j",
            b"2026-01-02T03:04:05.678Z ERROR 1 --- [app] [main] o.e.App  : Failed",
            at(2026, 1, 2, 3, 4, 5, 678_000),
            "ERROR",
            "o.e.App",
            b"Failed",
            id="log4j-spring",
        ),
        pytest.param(
            "log4j",
            b"2026-01-02 03:04:05,678 [main] DEBUG o.e.App - Started",
            at(2026, 1, 2, 3, 4, 5, 678_000),
            "DEBUG",
            "o.e.App",
            b"Started",
            id="log4j-thread-before-level",
        ),
        pytest.param(
            "log4j",
            b"2026-01-02 03:04:05 INFO it goes on",
            at(2026, 1, 2, 3, 4, 5),
            "INFO",
            "",
            b"it goes on",
            id="log4j-bare",
        ),
        pytest.param(
            "bgl",
            b"- 1117838570 2005.06.03 R02 2005-06-03-15.42.50.675 R02 RAS KERNEL INFO parity error",
            at(2005, 6, 3, 22, 42, 50),
            "INFO",
            "KERNEL",
            b"parity error",
            id="bgl",
        ),
        pytest.param(
            "bgl",
            b"KERN 1117838570 2005.06.03 R02 2005-06-03-15.42.50.675 R02 RAS KERNEL FATAL",
            at(2005, 6, 3, 22, 42, 50),
            "FATAL",
            "KERNEL",
            b"",
            id="bgl-no-content",
        ),
        pytest.param(
            "hdfs",
            b"081109 203615 148 INFO dfs.DataNode$Responder: Received block: blk_1",
            at(2008, 11, 9, 20, 36, 15),
            "INFO",
            "dfs.DataNode$Responder",
            b"Received block: blk_1",
            id="hdfs",
        ),
    ],
)
def test_a_line_gives_its_parts(name, line, timestamp, level, component, content):
    assert parsed(name, line) == [timestamp, level, component, content]


@pytest.mark.parametrize("name", [name for name in LINE_FORMATS if name != "json"])
@pytest.mark.parametrize("line", [b"", b" ", b"  at org.example.Foo", b"\xff\xfe", b"x" * 1000])
def test_a_line_of_no_format_fits_none(name, line):
    header = header_of(InputSpec(("x",), line_format=name))

    found = header.parse(pa.array([line], pa.large_binary()), WRITTEN_S)

    assert (found.fits.tolist(), len(found.content), len(found.reasons)) == ([False], 0, 1)


def test_a_pattern_has_to_fit_the_whole_line():
    header = PatternHeader("a(?P<content>b*)")

    found = header.parse(pa.array([b"abb", b"abbc", b"xab"], pa.large_binary()), 0.0)

    assert found.fits.tolist() == [True, False, False]
    assert found.content.to_pylist() == [b"bb"]


def test_bytes_that_are_not_utf8_are_kept_in_content_and_replaced_in_other_parts():
    pattern = r"(?P<component>[^ ]+) (?P<content>.*)"
    read = read_text(b"caf\xe9 cr\xe8me\n", header_pattern=pattern)

    assert (read.values, read.column("components")) == ([b"cr\xe8me"], ["caf\ufffd"])


@pytest.mark.parametrize(
    ("options", "place", "problem", "remedy"),
    [
        pytest.param(
            {"line_format": "sylog"},
            "line_format",
            "there is no format 'sylog'",
            "Did you mean 'syslog'?",
            id="misspelt-format",
        ),
        pytest.param(
            {"line_format": "apache"},
            "line_format",
            "there is no format 'apache'",
            "Use 'json', 'bgl', 'hdfs', 'klog', 'log4j' or 'syslog'.",
            id="unknown-format",
        ),
        pytest.param(
            {"header_pattern": "(?P<contents>.*)"},
            "header_pattern",
            "no group is called 'contents'",
            "Did you mean 'content'?",
            id="misspelt-group",
        ),
        pytest.param(
            {"header_pattern": "(?P<level>.*)"},
            "header_pattern",
            "no group is called 'content'",
            "Add (?P<content>.*) where the message is.",
            id="no-content",
        ),
    ],
)
def test_a_wrong_name_is_refused_with_the_nearest(options, place, problem, remedy):
    with pytest.raises(InputError) as caught:
        header_of(InputSpec(("x",), **options))

    assert caught.value.args == (place, problem, remedy)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        pytest.param("(?P<content>.*", r"missing \)", id="open-group"),
        pytest.param("(?P<content>.*)(a)", "unnamed groups", id="unnamed-group"),
        pytest.param("(?P<content>.*)(?=a)", "invalid perl operator", id="look-ahead"),
        pytest.param(r"(?P<content>.)\1", "invalid escape sequence", id="back-reference"),
    ],
)
def test_a_wrong_expression_is_refused_with_its_mistake(pattern, problem):
    with pytest.raises(InputError, match=problem) as caught:
        header_of(InputSpec(("x",), header_pattern=pattern))

    assert caught.value.place == "header_pattern"
