import pytest

from headgate.cli.text import one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("disk full", "disk full", id="harmless"),
        pytest.param("a\r\n\tb", "a b", id="lines-and-tabs-become-one-space"),
        pytest.param("\x1b]0;owned\x07disk", "]0;owneddisk", id="title-sequence"),
        pytest.param("\x1b[2Jdisk", "[2Jdisk", id="clear-screen"),
        pytest.param("a\x9b31mb", "a31mb", id="one-byte-introducer"),
        pytest.param("a\x00\x08\x7fb", "ab", id="nul-backspace-delete"),
        pytest.param("a\u202eb\u2066c", "abc", id="writing-direction"),
        pytest.param("a\ud800b", "ab", id="half-a-character"),
        pytest.param("日本 é 😀", "日本 é 😀", id="other-scripts-stay"),
    ],
)
def test_text_cannot_steer_a_terminal(text, shown):
    assert one_line(text) == shown
