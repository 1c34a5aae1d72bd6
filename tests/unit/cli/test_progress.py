import io
import re
import sys

import pytest

from headgate.batch.progress import ProgressState
from headgate.cli.progress import batch_progress, progress, progress_line

STATE = ProgressState(
    lines=1_234_567, lines_per_s=81_234.6, llm_share=0.0123, cost_usd=1.5, seconds_left=75.4
)


class Terminal(io.StringIO):
    """A stream that calls itself a terminal."""

    def isatty(self):
        return True


def test_a_line_says_how_far_how_fast_at_what_cost_and_how_long_yet():
    assert progress_line(STATE) == (
        "1,234,567 lines, 81,235/s, large model 1.2%, 1.5000 USD, 1 min 15 s left"
    )


def test_the_time_left_is_open_until_something_can_be_said():
    begun = ProgressState(0, 0.0, 0.0, 0.0, None)

    assert progress_line(begun) == "0 lines, 0/s, large model 0.0%, 0.0000 USD, - left"


@pytest.mark.parametrize(
    ("stream", "shown"),
    [
        pytest.param(io.StringIO(), True, id="no-terminal"),
        pytest.param(Terminal(), False, id="not-wanted"),
    ],
)
def test_nothing_is_drawn_where_nobody_looks(monkeypatch, stream, shown):
    monkeypatch.setattr(sys, "stderr", stream)

    with batch_progress(shown=shown) as report:
        assert report is None
    with progress(shown=shown) as step:
        step("reading", 1, 2)

    assert stream.getvalue() == ""


def test_the_last_line_stays_on_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "100")

    with batch_progress(shown=True) as report:
        report(STATE)

    assert progress_line(STATE) in re.sub(r"\x1b\[[0-9;?]*[a-z]", "", terminal.getvalue())


def test_bars_are_drawn_on_a_terminal_and_libraries_do_not_print_between_data(monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    with progress(shown=True) as report:
        report("reading", 1, 2)
        report("reading", 2, 2)
        print("a library talks")

    assert "2/2" in terminal.getvalue()
    assert capsys.readouterr().out == ""
