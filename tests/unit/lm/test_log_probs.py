import json
import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.lm.log_probs import is_log_prob, mean_log_prob

ANSWER = '{"answer": "19 01", "passages": [1]}'
PIECES = ['{"', "answer", '": "', "19", " 0", '1", "', "passages", '": [', "1", "]}"]


def tokens(*pieces, first=-1.0):
    """Return tokens with log-probabilities -1, -2, -3 and so on."""
    return [{"token": text, "logprob": first - place} for place, text in enumerate(pieces)]


def test_the_tokens_that_hold_a_letter_of_the_value_are_averaged():
    """`19`, ` 0` and `1", "` are the fourth to the sixth: the mean of -4, -5 and -6."""
    assert mean_log_prob(ANSWER, tokens(*PIECES), "answer") == -5.0


def test_one_token_for_all_of_it_counts():
    assert mean_log_prob(ANSWER, tokens(ANSWER), "answer") == -1.0


@pytest.mark.parametrize(
    ("pieces", "mean"),
    [
        pytest.param(['{"answer": ["', "a", '", "', "b", '"]', "}"], -3.0, id="list"),
        pytest.param(['{"answer":', " ", "19", "01", "}"], -3.5, id="number"),
        pytest.param(['{"x": {"answer": "b"}, ', '"answer"', ': "', "a", '"}'], -4.0, id="inner"),
        pytest.param(['{"x": "\\"answer\\": ', '1",', '"answer":"', "a", '"}'], -4.0, id="quoted"),
        pytest.param(['{"answer":"', 'a\\"', "b", '"}'], -2.5, id="escaped-quote"),
        pytest.param(['{"answer":"', "\\u0", "0e9", '"}'], -2.5, id="escaped-letter"),
        pytest.param(["```json\n{", '"answer": "', "a", '"}\n```'], -3.0, id="fence"),
        pytest.param(["\ufeff {", '"answer" \n:\t"', "a", '"}', " Done {"], -3.0, id="not-json"),
        pytest.param(["\ufeff {", '"answer" \n:\t"', "a", '" } ', "Done"], -3.0, id="prose"),
        pytest.param(["Answer", ":", " a"], -2.0, id="free-text"),
        pytest.param(['{"ans', 'wer": "a'], -1.5, id="cut-off"),
        pytest.param(['["answer"', ', "a"]'], -1.5, id="array"),
        pytest.param(['{"other"', ': "a"}'], -1.5, id="another-key"),
    ],
)
def test_where_the_value_stands_is_found_in_the_text_itself(pieces, mean):
    assert mean_log_prob("".join(pieces), tokens(*pieces), "answer") == mean


def test_bytes_tell_what_a_token_is_that_holds_a_part_of_a_letter():
    """Two tokens share the é; the text of neither can show its half."""
    content = '{"answer": "é", "n": 1}'
    halves = [
        {"token": '{"answer": "', "bytes": list(b'{"answer": "'), "logprob": -7},
        {"token": "\ufffd", "bytes": [0xC3], "logprob": -1},
        {"token": "\ufffd", "bytes": [0xA9], "logprob": -2.0},
        {"token": '", "n": 1}', "bytes": None, "logprob": -7.0},
    ]

    assert mean_log_prob(content, halves, "answer") == -1.5
    without = [{**token, "bytes": None} for token in halves]
    assert mean_log_prob(content, without, "answer") is None


def test_tokens_around_the_content_do_no_harm():
    """Such as thoughts that name the answer early, a blank that was cut off, the end of a turn."""
    around = tokens("<think>", ANSWER, "</think>", "\n ", *PIECES, "<|im_end|>")

    assert mean_log_prob(ANSWER, around, "answer") == (-8 - 9 - 10) / 3


def test_an_empty_answer_has_no_tokens():
    assert mean_log_prob('{"answer": ""}', tokens('{"answer"', ': ""}'), "answer") is None


@pytest.mark.parametrize(
    "given_tokens",
    [
        pytest.param(None, id="null"),
        pytest.param([], id="none"),
        pytest.param({"0": {"token": ANSWER, "logprob": -1}}, id="object"),
        pytest.param("tokens", id="text"),
        pytest.param([None], id="null-entry"),
        pytest.param([ANSWER], id="text-entry"),
        pytest.param([{"token": ANSWER}], id="no-logprob"),
        pytest.param([{"logprob": -1.0}], id="no-token"),
        pytest.param([{"token": 7, "logprob": -1.0}], id="number-as-token"),
        pytest.param([{"token": ANSWER, "logprob": "-1"}], id="text-as-logprob"),
        pytest.param([{"token": ANSWER, "logprob": False}], id="boolean-as-logprob"),
        pytest.param([{"token": ANSWER, "logprob": 0.5}], id="above-zero"),
        pytest.param([{"token": ANSWER, "logprob": math.nan}], id="nan"),
        pytest.param([{"token": ANSWER, "logprob": -math.inf}], id="infinite"),
        pytest.param([{"token": ANSWER, "logprob": -(10**400)}], id="huge-integer"),
        pytest.param([{"token": ANSWER, "bytes": "x", "logprob": -1}], id="text-as-bytes"),
        pytest.param([{"token": ANSWER, "bytes": [256], "logprob": -1}], id="no-byte"),
        pytest.param([{"token": ANSWER, "bytes": [True], "logprob": -1}], id="boolean-as-byte"),
        pytest.param(tokens(*PIECES[:-1]), id="one-too-few"),
        pytest.param(tokens(*reversed(PIECES)), id="other-order"),
        pytest.param([*tokens(*PIECES), {}], id="one-bad-at-the-end"),
    ],
)
def test_tokens_that_are_not_understood_tell_nothing(given_tokens):
    assert mean_log_prob(ANSWER, given_tokens, "answer") is None


def test_no_content_has_no_log_probability():
    assert mean_log_prob("", tokens("x"), "answer") is None


@pytest.mark.parametrize("value", [0, 0.0, -0.0, -1, -9999.0])
def test_numbers_up_to_zero_are_log_probabilities(value):
    assert is_log_prob(value)


TOKENS = st.lists(
    st.fixed_dictionaries(
        {"token": st.text(max_size=4) | st.none()},
        optional={
            "logprob": st.floats() | st.integers() | st.booleans() | st.none(),
            "bytes": st.none() | st.lists(st.integers(-1, 256) | st.booleans(), max_size=4),
        },
    )
)


@given(st.text(max_size=8), TOKENS | st.text() | st.none())
def test_whatever_an_endpoint_tells_it_is_a_log_probability_or_nothing(content, given_tokens):
    mean = mean_log_prob(content, given_tokens, "answer")

    assert mean is None or is_log_prob(mean)


@given(
    st.dictionaries(st.text(max_size=4), st.text() | st.integers() | st.lists(st.text())),
    st.text(max_size=9),
    st.integers(1, 5),
)
def test_only_the_tokens_of_the_value_decide(others, value, width):
    """One log-probability there and another elsewhere, however the text is cut."""
    content = json.dumps({**others, "answer": value + "x"}, ensure_ascii=False)
    start = content.rindex('"answer": "') + len('"answer": "')
    cuts = [*range(0, start, width), *range(start, len(content) - 2, width), len(content) - 2]
    pieces = [content[a:b] for a, b in pairwise(cuts) if a != b] + ['"}']
    at = 0
    said = []
    for piece in pieces:
        inside = start <= at < len(content) - 2
        said.append({"token": piece, "logprob": -3 if inside else -8})
        at += len(piece)

    assert mean_log_prob(content, said, "answer") == -3
