import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.pages.text import CUT, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain <b> text", "plain <b> text", id="nothing-to-do"),
        pytest.param("\x1b]0;owned\x07", "\\u001b]0;owned\\u0007", id="terminal-title"),
        pytest.param("abc\u202etxt.exe", "abc\\u202etxt.exe", id="right-to-left"),
        pytest.param("a\tb\nc\rd", "a b c\\u000dd", id="spaces"),
        pytest.param("a\u2028b\x85", "a\\u2028b\\u0085", id="other-line-ends"),
        pytest.param("grün 日本", "grün 日本", id="letters"),
    ],
)
def test_what_cannot_be_seen_is_written_as_its_number(text, shown):
    assert visible(text) == shown


def test_a_long_text_is_cut_and_says_so():
    assert visible("abcdef", 3) == "abc" + CUT
    assert visible("abc", 3) == "abc"


@given(st.text())
def test_everything_that_is_left_can_be_seen(text):
    kinds = {unicodedata.category(char) for char in visible(text)}

    assert not kinds & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
