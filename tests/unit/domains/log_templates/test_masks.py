import re

import pytest

from headgate.domains.log_templates.masks import LONGEST_SHAPE, LONGEST_WORD, MASKS, shape_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b"read /etc/web/app.conf.", b"read 0.", id="path-and-full-stop"),
        pytest.param(b"dir=/ and/or", b"dir=/ and/or", id="slashes-that-are-no-path"),
        pytest.param(b"from /0:0", b"from 0:0", id="address-behind-a-slash"),
        pytest.param(b"at lib/net/socket.rs:0", b"at 0:0", id="path-of-three-parts"),
        pytest.param(rb"open C:\Users\ann", b"open 0", id="path-from-a-drive"),
        pytest.param(b"path=/a:/b:/c", b"path=0", id="search-path"),
        pytest.param(b"to hdfs://0:0/x/y", b"to hdfs://0", id="scheme-is-kept"),
        pytest.param(b"mail ann@mail.example.com now", b"mail 0 now", id="mail-address"),
        pytest.param(b"id 0:FE:0:DC", b"id 0", id="hardware-address"),
        pytest.param(b"from fe:0::bad", b"from 0", id="ipv6"),
        pytest.param(b"std::bad c::d", b"std::bad c::d", id="scopes-are-no-addresses"),
        pytest.param(b"at 0:0:0,0 on", b"at 0 on", id="time-with-fraction"),
        pytest.param(b"Fri Jul 0 0:0:0 PDT 0 end", b"0 end", id="date-in-words"),
        pytest.param(b"May 0 be", b"May 0 be", id="a-month-alone"),
        pytest.param(b"proxy.example.com:0 up", b"0:0 up", id="host-and-port"),
        pytest.param(b"in main.cpp:0", b"in 0:0", id="file-and-line"),
        pytest.param(b"for ns.example.com [0]", b"for 0 [0]", id="host"),
        pytest.param(b"org.example.App started", b"org.example.App started", id="class"),
        pytest.param(b"size 0 KB, free 0 GiB", b"size 0, free 0", id="sizes"),
        pytest.param(b"0 Bytes", b"0 Bytes", id="a-word-that-begins-like-a-unit"),
        pytest.param(b"is true, was null.", b"is 0, was 0.", id="truth-values"),
        pytest.param(b"is untrue, null-safe", b"is untrue, null-safe", id="words-with-them"),
        pytest.param(b"key deadbeef", b"key 0", id="hexadecimal-without-digits"),
        pytest.param(b"users (0, 0, 0) of (0, 0)", b"users (0) of (0, 0)", id="list"),
        pytest.param(b"1,2 is 0,0", b"1,2 is 0", id="number-with-comma"),
        pytest.param(b"del 0 0 0 0 0 0", b"del 0", id="row-of-values"),
        pytest.param(b"reg 0 0 0 0", b"reg 0 0 0 0", id="four-values-are-fields"),
        pytest.param(b"a <*> b", b"a 0 b", id="mark-of-another-tool"),
        pytest.param(b" a\t\tb \x0b c\r", b"a b c", id="blanks"),
        pytest.param(b"", b"", id="empty"),
        pytest.param(b"   ", b"", id="only-blanks"),
    ],
)
def test_values_of_several_words_or_without_digits_become_zero(text, expected):
    assert shape_of(text) == expected


@pytest.mark.parametrize("length", [LONGEST_WORD, LONGEST_WORD + 1])
def test_a_word_that_nobody_would_write_is_a_value(length):
    word = b"x" * length

    assert shape_of(b"got " + word) == b"got " + (b"0" if length > LONGEST_WORD else word)


def test_what_comes_behind_the_longest_shape_is_one_value():
    text = b"word " * LONGEST_SHAPE

    shape = shape_of(text)

    assert shape == text[:LONGEST_SHAPE].rstrip() + b" 0"


EVERY_KIND = (
    "<*> http://x ann@b.c /a/b C:\\x a/b/c ab:0:cd 0,0 Jan 0 0 x.y:0 a.com 0 KB true deadbeef"
    " (0, 0, 0) 0 0 0 0 0 " + "x" * 200
)


@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: mask.values)
def test_what_is_looked_for_first_is_in_whatever_a_mask_finds(mask):
    found = re.search(mask.pattern, EVERY_KIND)

    assert found
    assert mask.needs in EVERY_KIND[: found.end() + 3][found.start() :]


@pytest.mark.parametrize(
    "unit", ["a", "a.", "a:", "0:", "a/", "=/", "0,", "0, ", "0 ", "a@", "a.b@", "x://", "Jan 0 "]
)
def test_no_mask_takes_longer_than_a_text_is_long(unit):
    """A pattern that went back over its text would run into the time limit of the tests here."""
    text = unit.encode() * (262_144 // len(unit))

    for mask in MASKS:
        text = re.sub(mask.pattern.encode(), mask.kept.encode(), text)

    assert len(text) <= 262_144
