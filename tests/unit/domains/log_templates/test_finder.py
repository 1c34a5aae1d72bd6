import pytest

from headgate.domains.log_templates.finder import Finder


def tokens(text):
    return tuple(text.split(" "))


def found(patterns, line):
    place = Finder([tokens(pattern) for pattern in patterns]).find(tokens(line))
    return None if place is None else patterns[place]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("get page ok", "get page ok", id="itself"),
        pytest.param("get list ok", "get 0 ok", id="one-value"),
        pytest.param("get list late", "get 0 0", id="two-values"),
        pytest.param("put list late", "0 0 0", id="nothing-but-values"),
        pytest.param("get (list) ok", "get (0) ok", id="most-characters-of-equally-many-tokens"),
        pytest.param("get page", None, id="another-length"),
    ],
)
def test_the_narrowest_pattern_is_found(line, expected):
    patterns = ["0 0 0", "get 0 0", "get 0 ok", "get (0) ok", "get page ok"]

    assert found(patterns, line) == expected
    assert found(patterns[::-1], line) == expected


def test_ties_do_not_depend_on_the_order_of_the_patterns():
    patterns = ["a 0 c", "a b 0"]

    assert found(patterns, "a b c") == found(patterns[::-1], "a b c") == "a b 0"


def test_nothing_is_found_among_no_patterns():
    assert found([], "a") is None
