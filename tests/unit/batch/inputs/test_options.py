import pytest

from headgate.batch.inputs.options import check_spec, reads_lines
from headgate.batch.types import InputSpec
from headgate.errors import InputError


@pytest.mark.parametrize(
    ("spec", "place", "problem", "remedy"),
    [
        pytest.param(
            InputSpec(()),
            "input",
            "no file is named",
            "Name files, a directory or a glob.",
            id="none",
        ),
        pytest.param(
            InputSpec(("a", "")),
            "input",
            "no file is named",
            "Name files, a directory or a glob.",
            id="empty-name",
        ),
        pytest.param(
            InputSpec(("a",), format="parket"),
            "format",
            "there is no format 'parket'",
            "Did you mean 'parquet'?",
            id="misspelt-format",
        ),
        pytest.param(
            InputSpec(("a",), format="xml"),
            "format",
            "there is no format 'xml'",
            "Use 'auto', 'text', 'jsonl', 'csv' or 'parquet'.",
            id="unknown-format",
        ),
        pytest.param(
            InputSpec(("a",), max_line_bytes=0),
            "input",
            "max_line_bytes is 0",
            "Allow one byte a line at least.",
            id="no-length",
        ),
        pytest.param(
            InputSpec(("a",), format="csv", line_format="bgl"),
            "format",
            "line formats, headers and events are for text, and the format is csv",
            "Leave one of them out.",
            id="lines-of-csv",
        ),
        pytest.param(
            InputSpec(("a",), line_format="bgl", header_pattern="(?P<content>.*)"),
            "line_format",
            "a line format and a header pattern exclude each other",
            "Leave one of them out.",
            id="two-headers",
        ),
        pytest.param(
            InputSpec(("a",), line_format="bgll"),
            "line_format",
            "there is no format 'bgll'",
            "Did you mean 'bgl'?",
            id="misspelt-line-format",
        ),
    ],
)
def test_an_option_that_cannot_be_followed_is_refused(spec, place, problem, remedy):
    with pytest.raises(InputError) as caught:
        check_spec(spec)

    assert caught.value.args == (place, problem, remedy)


def test_an_event_start_that_is_no_expression_is_refused():
    with pytest.raises(InputError, match=r"event_start: it cannot be used \(missing \]: \["):
        check_spec(InputSpec(("a",), event_start="["))


def test_an_event_start_may_have_groups_without_names():
    check_spec(InputSpec(("a",), event_start=r"^(\d+|#)"))


@pytest.mark.parametrize(
    "options",
    [{"line_format": "bgl"}, {"header_pattern": "(?P<content>.*)"}, {"event_start": "^#"}],
)
def test_options_about_lines_say_that_the_files_are_text(options):
    spec = InputSpec(("a",), **options)
    check_spec(spec)

    assert reads_lines(spec)
    assert not reads_lines(InputSpec(("a",)))
