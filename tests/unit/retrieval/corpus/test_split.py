import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.retrieval.corpus.split import (
    LONGEST_WORDS,
    OVERLAP_WORDS,
    PASSAGE_WORDS,
    Piece,
    split_lines,
    split_text,
    words_in,
)


def sentence(words, first="It"):
    return " ".join([first, *["flows"] * (words - 1)]) + "."


def split(text, title="file"):
    return list(split_lines(text.split("\n"), title))


def test_a_short_text_is_one_passage_with_the_title_of_its_file():
    assert split("It flows north.\nIt ends in the sea.\n", "nile") == [
        Piece("nile", "It flows north. It ends in the sea.")
    ]


def test_a_heading_is_the_title_of_what_is_below_it():
    text = "Before.\n# The Nile\nIt flows.\n## The delta ##\n\nIt ends."

    assert split(text) == [
        Piece("file", "Before."),
        Piece("The Nile", "It flows."),
        Piece("The delta", "It ends."),
    ]


def test_a_passage_ends_with_a_sentence():
    first, second = split(f"{sentence(60)} {sentence(60, 'Then')}")

    assert (first.text, second.text) == (sentence(60), sentence(60, "Then"))


def test_a_short_last_sentence_is_said_again_in_the_next_passage():
    parts = [sentence(80), sentence(15, "Here"), sentence(50, "Then")]

    assert [each.text for each in split(" ".join(parts))] == [
        f"{parts[0]} {parts[1]}",
        f"{parts[1]} {parts[2]}",
    ]


def test_a_quotation_keeps_its_marks_at_the_end_of_a_sentence():
    text = f'He said "{sentence(60)}" {sentence(60, "Then")}'

    assert [each.text[-3:] for each in split(text)] == ['s."', "ws."]


def test_an_abbreviation_before_a_small_letter_ends_no_sentence():
    text = f"{sentence(95)} The river, i.e. the Nile, {sentence(5, 'which')}"

    assert split(text)[1].text.startswith("The river, i.e. the Nile")


def test_a_megabyte_without_a_blank_is_cut():
    pieces = split("x" * 1_000_000)

    assert sum(len(each.text) for each in pieces) == 1_000_000
    assert all(words_in(each.text) <= PASSAGE_WORDS for each in pieces)


def test_japanese_is_cut_at_its_own_full_stops():
    text = "川は北へ流れる。" * 300

    assert all(each.text.endswith("。") for each in split(text))
    assert len(split(text)) > 1


def test_a_row_is_left_whole_up_to_the_longest():
    whole = sentence(LONGEST_WORDS)

    assert split_text(whole) == [whole]
    assert len(split_text(sentence(LONGEST_WORDS + 1))) > 1


@pytest.mark.parametrize("text", ["", "\n\n", "# ", "   \n\t"])
def test_nothing_gives_nothing(text):
    assert split(text) in ([], [Piece("file", "#")])


@pytest.mark.slow
@given(st.lists(st.integers(1, 150), max_size=20))
def test_no_sentence_is_lost_and_no_passage_is_too_long(lengths):
    words = [f"w{place}x{at}" for place, length in enumerate(lengths) for at in range(length)]
    text = " ".join(
        " ".join(f"w{place}x{at}" for at in range(length)).capitalize() + "."
        for place, length in enumerate(lengths)
    )
    pieces = split(text)

    said = {word.lower() for each in pieces for word in each.text.replace(".", "").split()}
    assert said == set(words)
    assert all(words_in(each.text) <= PASSAGE_WORDS + OVERLAP_WORDS for each in pieces)
