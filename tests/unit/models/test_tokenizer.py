import pytest

from headgate.models.tokenizer import BatchTokenizer, encodable, pad

START, HELLO, WORLD, END = 101, 7592, 2088, 102
"""Ids of BERT's vocabulary, which the embedded encoder reads."""


@pytest.fixture(scope="module")
def tokenizer(embedded):
    return BatchTokenizer(embedded.directory / "tokenizer.json", 8)


def test_the_padding_to_128_in_the_embedded_file_is_off(tokenizer):
    assert tokenizer.encode(["hello world"]) == [[START, HELLO, WORLD, END]]


def test_texts_keep_their_order_and_their_own_lengths(tokenizer):
    assert tokenizer.encode(["world", "", "hello world"]) == [
        [START, WORLD, END],
        [START, END],
        [START, HELLO, WORLD, END],
    ]


def test_a_long_text_is_cut_and_still_ends(tokenizer):
    assert tokenizer.encode(["hello " * 1000]) == [[START, *[HELLO] * 6, END]]


def test_no_texts_give_no_tokens(tokenizer):
    assert tokenizer.encode([]) == []


def test_a_lone_surrogate_does_not_stop_its_neighbours(tokenizer):
    """JSON can carry one; it reads like a question mark."""
    broken, whole = tokenizer.encode(["hello \ud800", "hello world"])

    assert broken == tokenizer.encode(["hello ?"])[0]
    assert whole == [START, HELLO, WORLD, END]


@pytest.mark.parametrize("text", ["", "disk full", "\0", "日本 é 😀"])
def test_what_utf8_can_write_stays_as_it_is(text):
    assert encodable([text]) == [text]


@pytest.mark.parametrize(("multiple", "width"), [(1, 3), (2, 4), (3, 3), (16, 16)], ids=str)
def test_widths_are_rounded_up_to_the_multiple(multiple, width):
    ids, mask = pad([[7, 8, 9], [5]], multiple)

    assert ids.tolist() == [[7, 8, 9] + [0] * (width - 3), [5] + [0] * (width - 1)]
    assert mask.tolist() == [[1, 1, 1] + [0] * (width - 3), [1] + [0] * (width - 1)]
    assert ids.dtype == mask.dtype == "int64"
