import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domains.log_templates.tokens import (
    MOST_TOKENS,
    common_start,
    constant_characters,
    cover,
    cover_all,
    covers,
    is_constant,
    text_of,
    tokens_of,
    tokens_of_text,
)

# Tokens as they stand in shapes: a lone 0 between punctuation is a value.
WORDS = st.sampled_from(["0", "ab", "c", "ssh2", "a.b", ""])
PUNCTUATION = st.sampled_from(["(", ")", "=", ",", ":", ".", "((", "..", "/"])
TOKENS = st.lists(WORDS | PUNCTUATION, min_size=1, max_size=6).map("".join).filter(bool)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param("up", "up", "up", id="equal"),
        pytest.param("up", "down", "0", id="words"),
        pytest.param("user=ann", "user=bob", "user=0", id="same-punctuation"),
        pytest.param("(auth:none),", "(auth:tls),", "(auth:0),", id="punctuation-all-around"),
        pytest.param("0:0", "web:0", "0:0", id="a-value-and-a-word"),
        pytest.param("(a,b),", "(c),", "(0),", id="only-the-ends-are-alike"),
        pytest.param("a,b", "c:d", "0", id="other-punctuation"),
        pytest.param("[a].", "[b]", "[0", id="only-the-lead-is-alike"),
        pytest.param("((", "(", "(0", id="nothing-but-punctuation"),
        pytest.param("org.a.App", "org.b.App", "0", id="dots-within-are-no-punctuation"),
        pytest.param("done.", "failed.", "0.", id="full-stop"),
        pytest.param("core.0", "dump.0", "0.0", id="number-behind-a-dot"),
    ],
)
def test_the_cover_of_two_tokens_is_what_both_are_cases_of(one, other, expected):
    assert cover(one, other) == expected


@given(TOKENS, TOKENS)
@settings(deadline=None, max_examples=40)
def test_a_cover_does_not_depend_on_which_comes_first(one, other):
    assert cover(one, other) == cover(other, one)


@given(st.lists(TOKENS, min_size=1, max_size=5))
@settings(deadline=None, max_examples=40)
def test_a_cover_covers_all_that_it_was_made_of(tokens):
    (covering,) = cover_all([(token,) for token in tokens])

    assert all(cover(covering, token) == covering for token in tokens)
    assert all(covers((covering,), (token,)) for token in tokens)


def test_lines_are_covered_token_by_token():
    assert cover_all([("a", "x=1x", "b"), ("a", "x=2x", "c")]) == ("a", "x=0", "0")


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        pytest.param("get 0 ok", "get page ok", True, id="value"),
        pytest.param("get (0) ok", "get (page) ok", True, id="value-in-brackets"),
        pytest.param("get (0) ok", "get page ok", False, id="without-the-brackets"),
        pytest.param("get page ok", "get 0 ok", False, id="narrower"),
        pytest.param("use ssh2", "use ssh3", False, id="names-with-a-digit"),
    ],
)
def test_a_pattern_covers_its_cases(pattern, line, expected):
    assert covers(tokens_of(pattern.encode()), tokens_of(line.encode())) is expected


@pytest.mark.parametrize(
    ("token", "expected"),
    [("up", True), ("ssh2", True), ("eth0", True), ("0", False), ("(0)", False), ("core.0", False)],
)
def test_a_token_without_values_is_constant(token, expected):
    assert is_constant(token) is expected


def test_the_text_of_a_template_has_wildcards_for_values():
    tokens = tokens_of(b"eth0 up at 0:0, core.0 (uid=0) 0.")

    assert text_of(tokens) == "eth0 up at <*>:<*>, core.<*> (uid=<*>) <*>."
    assert tokens_of_text(text_of(tokens)) == tokens


@given(st.lists(TOKENS, min_size=1, max_size=6).map(tuple))
@settings(deadline=None, max_examples=40)
def test_tokens_come_back_from_the_text(tokens):
    assert tokens_of_text(text_of(tokens)) == tokens


def test_bytes_that_are_no_text_are_written_as_escapes():
    assert tokens_of(b"\xff\xc3\xa4 b") == ("\\xff\xe4", "b")


def test_tokens_behind_the_most_are_one_value():
    tokens = tokens_of(b" ".join([b"w"] * (MOST_TOKENS + 5)))

    assert tokens == ("w",) * (MOST_TOKENS - 1) + ("0",)
    assert len(tokens_of(b" ".join([b"w"] * MOST_TOKENS))) == MOST_TOKENS


def test_a_shape_without_a_word_is_one_empty_token():
    assert tokens_of(b"") == ("",)
    assert text_of(("",)) == ""


def test_common_starts_and_constant_characters_are_counted_in_characters():
    assert common_start("user=ann", "user=andy") == "user=an"
    assert common_start("up", "upper") == "up"
    assert constant_characters(("at", "0:0")) == len("at :")
