import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domains.log_templates.masks import BREAKS
from headgate.domains.log_templates.words import mask_values

# Bytes of every class, so that short texts have words of every kind.
TEXTS = st.text("a0.g-_ 1:/Z*\n", max_size=40).map(str.encode) | st.binary(max_size=40)


def masked(text):
    return mask_values(np.frombuffer(text, np.uint8)).tobytes()


def is_value(word):
    """The rule in words: a digit makes a value, but for names with one digit behind a letter."""
    digits = re.findall(rb"\d", word)
    one_behind_a_letter = len(digits) == 1 and re.search(rb"[A-Za-z\x80-\xff]\d", word)
    a_name = b"-" not in word and re.search(rb"[g-zG-Z\x80-\xff]", word)
    return bool(digits) and not (one_behind_a_letter and a_name)


def masked_word_by_word(text):
    letter, inside = rb"[A-Za-z\x80-\xff]", rb"[A-Za-z0-9\x80-\xff]"
    dot = rb"(?<=" + inside + rb")(?!(?<=" + letter + rb")\.\d)\.(?=" + inside + rb")"
    word = rb"(?:[^" + BREAKS.encode() + rb".]|" + dot + rb")+"
    return re.sub(word, lambda found: b"0" if is_value(found[0]) else found[0], text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b"took 35 ms", b"took 0 ms", id="number"),
        pytest.param(b"at -1.5e3, 0x1f", b"at 0, 0", id="signed-and-hexadecimal"),
        pytest.param(b"from 10.0.0.1:80", b"from 0:0", id="address-and-port"),
        pytest.param(b"blk_-77 job_7_0042", b"0 0", id="ids"),
        pytest.param(b"ssh2 jk2_init log4j Slf4jLog", b"ssh2 jk2_init log4j Slf4jLog", id="names"),
        pytest.param(b"node-7 eth10 5th", b"0 0 0", id="not-names"),
        pytest.param(b"a1 cafe1 dead7", b"0 0 0", id="could-be-hexadecimal"),
        pytest.param(b"core.17 enabled.....0", b"core.0 enabled.....0", id="number-behind-a-dot"),
        pytest.param(b"slot 7.", b"slot 0.", id="full-stop"),
        pytest.param(b"(uid=0)[12]{3}", b"(uid=0)[0]{0}", id="punctuation"),
        pytest.param(b"7a8b9c-12", b"0", id="whole-text"),
        pytest.param(b"no values here", b"no values here", id="no-value"),
        pytest.param(b"", b"", id="empty"),
        pytest.param(b"12\n34\n", b"0\n0\n", id="line-ends-are-breaks"),
        pytest.param("größe7 9µs".encode(), "größe7 0".encode(), id="letters-beyond-ascii"),
        pytest.param(b"\x00\xff1\x009\x00", b"\x00\xff1\x000\x00", id="any-bytes"),
    ],
)
def test_words_with_digits_become_zero_and_names_stay(text, expected):
    assert masked(text) == expected


@given(TEXTS)
@settings(deadline=None, max_examples=40)
def test_the_pass_over_bytes_says_what_a_look_at_each_word_would(text):
    assert masked(text) == masked_word_by_word(text)


@given(st.lists(TEXTS, max_size=5))
@settings(deadline=None, max_examples=40)
def test_words_of_one_line_do_not_depend_on_the_lines_around(lines):
    together = masked(b"\n".join(lines))

    assert together == b"\n".join(masked(line) for line in lines)


def test_a_word_of_a_mebibyte_is_one_value():
    """Carries run through words of any length."""
    assert masked(b"x" * (1 << 20) + b"-7 end") == b"0 end"
    assert masked(b"end 7" + b"x" * (1 << 20)) == b"end 0"
